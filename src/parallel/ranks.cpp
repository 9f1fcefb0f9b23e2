// SPDX-License-Identifier: Apache-2.0
#include "parallel/ranks.hpp"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>

#include "base/check.hpp"
#include "base/machine.hpp"

namespace convoy {
namespace {

constexpr int kSpins = 200, kYields = 200;
constexpr double kLookEvery = 0.1;  // seconds

// Ranks around `rank` with the same host.
Range host_of(const std::vector<int>& hosts, int rank) {
  const auto [first, last] =
      std::equal_range(hosts.begin(), hosts.end(), hosts[static_cast<std::size_t>(rank)]);
  return {first - hosts.begin(), last - hosts.begin()};
}

// Spins, then yields, then sleeps: on a machine with more ranks than cores the other ranks need the
// cores.
void spin_or_yield(int turn) {
  if (turn < kSpins) return;
  if (turn < kSpins + kYields) {
    sched_yield();
    return;
  }
  const timespec nap{0, std::min(20'000L * (1 + (turn - kSpins - kYields) / 16), 200'000L)};
  nanosleep(&nap, nullptr);
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}
template <class T>
std::span<std::byte> writable_bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

}  // namespace

Ranks::Ranks(std::unique_ptr<Transport> transport, const RanksOptions& options)
    : transport_(std::move(transport)),
      rank_(transport_->rank()),
      size_(transport_->size()),
      terminated_(options.terminated),
      exceptions_(std::uncaught_exceptions()),
      host_(host_of(transport_->hosts(), rank_)),
      domain_(host_),
      spins_(spins_for(static_cast<int>(host_.size()))),
      // A private table serves until that of the host exists.
      liveness_table_(std::make_unique<LivenessTable>(
          convoy::alone()->allocate(LivenessTable::bytes(size_)), size_)),
      look_([this] { look(); }) {
  watch_.emplace(*liveness_table_, rank_, options.stall_timeout);
  const bool shared = share_control();
  choose_liveness_table(shared);
  watch_.emplace(*liveness_table_, rank_, options.stall_timeout);
  (*liveness_table_)[rank_].pid.store(getpid(), std::memory_order_release);
  publish(Activity::starting, 0);
  choose_domains(options.memory, options.one_domain, shared);
  all_agree(true, {0, size_});  // all have written their PIDs
  watch_->see_processes();
}

Ranks::~Ranks() {
  if (std::uncaught_exceptions() > exceptions_ && !failed_) fail("an exception was thrown");
  try {
    if (!failed_) all_agree(true, {0, size_}, SyncPoint::end);
  } catch (const std::exception&) {
    failed_ = true;  // a rank that arrives late at the end finds that the others have left
  }
  if (!failed_) publish(Activity::left, step_);
  transport_->end(!failed_);
}

// The first rank of the host makes the block, and the others map it. True where all ranks did.
bool Ranks::share_control() {
  if (host_.size() == 1) return true;
  const bool first = rank_ == host_.begin;
  SharedMemoryName name;
  std::vector<Outgoing> out;
  if (first) {
    try {
      control_memory_.emplace(SharedMemory::create(static_cast<Index>(sizeof(Control))));
      name = control_memory_->name();
    } catch (const SystemError&) {
      name = {};  // no rank can open this, so all use messages
    }
    for (Index r = host_.begin + 1; r < host_.end; ++r) {
      out.push_back({static_cast<int>(r), bytes_of(name)});
    }
    exchange(out, {}, SyncPoint::start);
  } else {
    const Incoming in{static_cast<int>(host_.begin), writable_bytes_of(name)};
    exchange({}, {&in, 1}, SyncPoint::start);
    control_memory_ = SharedMemory::open(name);
  }
  const bool shared = all_agree(control_memory_.has_value(), host_);
  if (!shared) {
    control_memory_.reset();
    return false;
  }
  std::byte* memory = control_memory_->bytes().get();
  control_ = first ? new (memory) Control{} : std::launder(reinterpret_cast<Control*>(memory));
  all_agree(true, host_);
  return true;
}

// Takes the liveness table of a supervisor if all ranks of the host have it; otherwise makes one in
// shared memory, where possible.
void Ranks::choose_liveness_table(bool shared) {
  const char* path = std::getenv("CONVOY_LIVENESS_TABLE");
  std::unique_ptr<LivenessTable> liveness_table =
      path ? LivenessTable::open_file(path, size_) : nullptr;
  if (all_agree(liveness_table != nullptr, host_)) {
    liveness_table_ = std::move(liveness_table);
    return;
  }
  if (!shared || host_.size() == 1) return;
  domain_ = host_;
  liveness_table_ = std::make_unique<LivenessTable>(allocate(LivenessTable::bytes(size_)), size_);
}

void Ranks::choose_domains(RanksOptions::Memory memory, bool one_domain, bool shared) {
  const bool all_shared = all_agree(shared, {0, size_});
  if (memory == RanksOptions::Memory::window && !all_shared) {
    throw UserError(Fault::unavailable, "ranks of one machine can't share memory",
                    "another user or PID namespace, or no memory for it",
                    "start all of them in one container, or use messages");
  }
  const bool several_hosts = host_.size() < size_;
  if (memory == RanksOptions::Memory::window && one_domain && several_hosts) {
    throw UserError(Fault::unavailable, "ranks of several machines can't share memory",
                    "tensor parallel, either all of them share it or none do",
                    "use messages, or ranks of one machine");
  }
  const bool windows = memory != RanksOptions::Memory::messages && !(one_domain && several_hosts);
  // Each host decides for itself; all ranks need to know the decisions.
  std::vector<char> joined(static_cast<std::size_t>(size_), 0);
  joined[static_cast<std::size_t>(rank_)] = windows && shared && host_.size() > 1;
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    out.push_back({r, bytes_of(joined[static_cast<std::size_t>(rank_)])});
    in.push_back({r, writable_bytes_of(joined[static_cast<std::size_t>(r)])});
  }
  exchange(out, in, SyncPoint::start);
  for (int r = 0; r < size_;) {
    const Range host = host_of(transport_->hosts(), r);
    const Range domain = joined[static_cast<std::size_t>(r)] ? host : Range{r, r + 1};
    if (domain.begin <= rank_ && rank_ < domain.end) domain_ = domain;
    domains_.push_back(domain);
    r = static_cast<int>(domain.end);
  }
}

// Whether `mine` is true on all ranks of `among`. They exchange messages with the first of them.
bool Ranks::all_agree(bool mine, Range among, SyncPoint sync_point) {
  if (among.size() <= 1) return mine;
  const int first = static_cast<int>(among.begin);
  char verdict = mine;
  if (rank_ != first) {
    const Outgoing out{first, bytes_of(verdict)};
    char answer = 0;
    const Incoming in{first, writable_bytes_of(answer)};
    exchange({&out, 1}, {}, sync_point);
    exchange({}, {&in, 1}, sync_point);
    return answer != 0;
  }
  std::vector<char> answers(static_cast<std::size_t>(among.size()), mine);
  std::vector<Incoming> in;
  std::vector<Outgoing> out;
  for (Index i = 1; i < among.size(); ++i) {
    const int other = static_cast<int>(among.begin + i);
    in.push_back({other, writable_bytes_of(answers[static_cast<std::size_t>(i)])});
    out.push_back({other, bytes_of(verdict)});
  }
  exchange({}, in, sync_point);
  verdict = std::all_of(answers.begin(), answers.end(), [](char answer) { return answer != 0; });
  exchange(out, {}, sync_point);
  return verdict != 0;
}

std::shared_ptr<std::byte[]> Ranks::allocate(Index bytes) {
  if (domain_.size() == 1) return convoy::alone()->allocate(bytes);
  std::optional<SharedMemory> memory;
  std::exception_ptr error;
  if (rank_ == domain_.begin) {
    try {
      memory.emplace(SharedMemory::create(std::max<Index>(bytes, 1)));
      control_->block = memory->name();
    } catch (...) {
      error = std::current_exception();
      control_->block = {};
    }
  }
  barrier(SyncPoint::allocation);
  if (!memory) memory = SharedMemory::open(control_->block);
  barrier(SyncPoint::allocation);  // the name has been read by all
  if (error) std::rethrow_exception(error);
  if (!memory) {
    throw SystemError(Fault::unavailable, "mapping shared memory", "rank " + std::to_string(rank_),
                      std::to_string(bytes >> 20) + " MB could not be allocated");
  }
  // The block stays open for the ranks that map it late; its bytes keep it.
  auto holder = std::make_shared<SharedMemory>(*std::move(memory));
  return {holder, holder->bytes().get()};
}

void Ranks::barrier(SyncPoint sync_point) {
  if (domain_.size() == 1) return;
  const int tag = static_cast<int>(sync_point) | static_cast<int>(step_ & 15) << 4;
  watch_->begin(domain_.size() == size_ ? kAllRanks : kDomainRanks, domain_, sync_point);
  if (!control_->barrier.arrive_and_wait(static_cast<int>(rank_ - domain_.begin),
                                         static_cast<int>(domain_.size()), tag, look_, spins_)) {
    watch_->throw_disagreement();
  }
  watch_->end();
}

void Ranks::exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                     SyncPoint sync_point) {
  const int tag = static_cast<int>(sync_point) | static_cast<int>(step_ & 2047) << 4;
  transport_->start(out, in, tag);
  finish(in.size() == 1                  ? in.front().from
         : out.size() == 1 && in.empty() ? out.front().to
                                         : kAllRanks,
         sync_point);
}

void Ranks::sum(std::span<float> values) {
  transport_->start_sum(values);
  finish(kAllRanks, SyncPoint::exchange);
}

void Ranks::sum(std::span<double> values) {
  transport_->start_sum(values);
  finish(kAllRanks, SyncPoint::exchange);
}

// Waits for what the transport has started.
void Ranks::finish(int waits_for, SyncPoint sync_point) {
  if (transport_->done()) return;
  watch_->begin(waits_for, {0, size_}, sync_point);
  Stopwatch since_look;
  for (int turn = 0; !transport_->done(); ++turn) {
    spin_or_yield(turn);
    if (turn >= kSpins && since_look.seconds() > kLookEvery) {
      look();
      since_look.restart();
    }
  }
  watch_->end();
}

void Ranks::look() {
  if (terminated_ && terminated_->load(std::memory_order_relaxed)) watch_->on_sigterm();
  watch_->look(transport_.get());
}

void Ranks::publish(Activity activity, std::int64_t step) noexcept {
  step_ = step;
  LivenessTableEntry& mine = (*liveness_table_)[rank_];
  mine.activity.store(static_cast<std::uint8_t>(activity), std::memory_order_relaxed);
  mine.step.store(step, std::memory_order_relaxed);
  mine.sequence.store(static_cast<std::uint32_t>(step), std::memory_order_relaxed);
  heartbeat();
}

void Ranks::heartbeat() noexcept {
  LivenessTableEntry& mine = (*liveness_table_)[rank_];
  mine.heartbeat.store(mine.heartbeat.load(std::memory_order_relaxed) + 1,
                       std::memory_order_relaxed);
}

void Ranks::fail(std::string_view reason) noexcept {
  if (failed_) return;
  failed_ = true;
  liveness_table_->set_reason(rank_, reason);
  (*liveness_table_)[rank_].activity.store(static_cast<std::uint8_t>(Activity::failed),
                                           std::memory_order_release);
  if (control_) control_->barrier.wake_all();
}

bool Ranks::claim_reporter() noexcept {
  return (*liveness_table_)[static_cast<int>(host_.begin)].reporter.exchange(1) == 0;
}

std::unique_ptr<Communicator> mpi(const RanksOptions& options) {
  return std::make_unique<Ranks>(mpi_transport(options.around_unlimited_call), options);
}

}  // namespace convoy
