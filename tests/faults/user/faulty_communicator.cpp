// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/user/faulty_communicator.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <stdexcept>

namespace convoy::test {

InjectedFault parse_fault(const std::string& text) {
  const std::size_t at = text.find('@'), colon = text.find(':', at), equals = text.find('=', colon);
  if (at == std::string::npos || colon == std::string::npos) throw std::invalid_argument(text);
  InjectedFault fault{text.substr(0, at), std::stoi(text.substr(at + 1)), "", 0};
  fault.moment = text.substr(colon + 1, equals - colon - 1);
  if (equals != std::string::npos) fault.step = std::stoll(text.substr(equals + 1));
  return fault;
}

void inject(const InjectedFault& fault) {
  if (fault.kind == "kill") raise(SIGKILL);
  while (fault.kind == "stop") raise(SIGSTOP);  // stops again after each SIGCONT
  if (fault.kind == "exit") std::exit(0);
  if (fault.kind == "leave") throw Leaves{};
  if (fault.kind == "throw") throw std::runtime_error("thrown by a test");
  if (fault.kind == "full") {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit nothing{0, 0};
    setrlimit(RLIMIT_FSIZE, &nothing);
  }
}

FaultyCommunicator::FaultyCommunicator(Communicator& inner, const InjectedFault& fault)
    : inner_(inner), fault_(fault), pending_(fault.rank == inner.rank()) {}

std::shared_ptr<std::byte[]> FaultyCommunicator::allocate(Index bytes) {
  const bool is_alone = domain_ranks(inner_).size() == 1;
  SyncPoint sync_point = SyncPoint::allocation;
  if (!is_alone && is_skipped(sync_point)) return alone()->allocate(bytes);
  return inner_.allocate(bytes);
}

void FaultyCommunicator::barrier(SyncPoint sync_point) {
  const bool is_alone = domain_ranks(inner_).size() == 1;  // no other rank would notice
  if (is_alone || !is_skipped(sync_point)) inner_.barrier(sync_point);
}

void FaultyCommunicator::exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                                  SyncPoint sync_point) {
  if (!is_skipped(sync_point)) inner_.exchange(out, in, sync_point);
}

void FaultyCommunicator::publish(Activity activity, std::int64_t step) noexcept {
  inner_.publish(activity, step);
  step_ = step;
  const bool saves = activity == Activity::saving && fault_.moment == "save" && rank() == 0;
  if (saves && step == fault_.step && pending_.exchange(false)) inject(fault_);
}

bool FaultyCommunicator::is_due(SyncPoint sync_point) const {
  if (fault_.moment == "start") return true;
  if (fault_.moment == "save") {  // the last step is the one before it
    return sync_point == SyncPoint::verification && rank() != 0 && step_ == fault_.step - 1;
  }
  const bool is_step = step_ == fault_.step;
  return fault_.moment == "update" ? is_step && sync_point == SyncPoint::update
                                   : fault_.moment == "step" && is_step;
}

// Whether the inner call is left out; the fault may change its synchronization point.
bool FaultyCommunicator::is_skipped(SyncPoint& sync_point) {
  if (fault_.kind == "flip" || !is_due(sync_point) || !pending_.exchange(false)) return false;
  if (fault_.kind == "mismatch") sync_point = SyncPoint::checkpoint;
  inject(fault_);
  return fault_.kind == "skip";
}

}  // namespace convoy::test
