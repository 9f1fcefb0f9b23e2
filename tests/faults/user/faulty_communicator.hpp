// SPDX-License-Identifier: Apache-2.0
// A communicator that fails at one moment of its run: it forwards all calls, and adds one fault.
#pragma once

#include <atomic>
#include <string>

#include "parallel/communicator.hpp"

namespace convoy::test {

// This is no exception of the library: the rank ends without an error, in the middle of the run.
struct Leaves {};

struct InjectedFault {
  // kill:      SIGKILL
  // stop:      SIGSTOP
  // throw:     an exception
  // exit:      exit(0)
  // leave:     the rank ends early, without an error
  // skip:      it leaves out a collective call
  // mismatch:  it gives the call another synchronization point
  // full:      no file of the process can grow any more
  // flip:      one bit of the weights changes (faulty_rank.cpp)
  std::string kind;
  int rank = -1;
  // init:    before the communicator exists
  // start:   in the first collective call of the rank
  // step:    in the first collective call of that step
  // update:  in the collective call of that step's update
  // save:    in the checkpoint after that step: rank 0 writes it, the others verify their weights
  std::string moment;
  std::int64_t step = 0;
};
InjectedFault parse_fault(const std::string& text);  // kill@1:step=7, stop@0:start

// Ends this process, or does not return, or throws.
void inject(const InjectedFault& fault);

// The fault happens once, on its rank.
class FaultyCommunicator final : public Communicator {
 public:
  FaultyCommunicator(Communicator& inner, const InjectedFault& fault);

  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  std::span<const Range> domains() const override { return inner_.domains(); }
  Range host() const override { return inner_.host(); }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override;
  void barrier(SyncPoint sync_point) override;
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                SyncPoint sync_point) override;
  void sum(std::span<float> values) override { inner_.sum(values); }
  void sum(std::span<double> values) override { inner_.sum(values); }
  void publish(Activity activity, std::int64_t step) noexcept override;
  void heartbeat() noexcept override { inner_.heartbeat(); }
  void fail(std::string_view reason) noexcept override { inner_.fail(reason); }
  bool claim_reporter() noexcept override { return inner_.claim_reporter(); }

 private:
  bool is_due(SyncPoint sync_point) const;
  bool is_skipped(SyncPoint& sync_point);

  Communicator& inner_;
  const InjectedFault fault_;
  std::atomic<bool> pending_;  // for its moment, on its rank
  std::atomic<std::int64_t> step_{-1};
};

}  // namespace convoy::test
