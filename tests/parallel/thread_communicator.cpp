// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/thread_communicator.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.hpp"

namespace convoy::test {
namespace {

constexpr std::chrono::seconds kPatience{20};

[[noreturn]] void throw_failure_of(int rank, const std::string& reason) {
  throw SystemError(Fault::peer, "barrier", "rank " + std::to_string(rank), reason);
}

// A collective call in progress. Each rank has its arguments; the last one to arrive acts for all.
struct Collective {
  Range ranks;
  Index arrived = 0;
  std::int64_t generation = 0;
  SyncPoint sync_point = SyncPoint::start;
  std::int64_t step = 0;
  std::vector<std::span<std::byte>> brought;
  std::shared_ptr<std::byte[]> block;
};

struct Message {
  std::vector<std::byte> bytes;
  SyncPoint sync_point;
  std::int64_t step;
};

// The state that all threads share. One mutex guards everything.
class Job {
 public:
  explicit Job(const std::vector<int>& domain_sizes) {
    Index first = 0;
    for (const int size : domain_sizes) {
      domains_.push_back({first, first + size});
      for (int i = 0; i < size; ++i) domain_of_.push_back(domains_.size() - 1);
      first += size;
    }
    size_ = static_cast<int>(first);
    for (const Range& domain : domains_) domain_calls_.push_back(collective(domain));
    call_of_all_ = collective({0, size_});
    wake_ = std::vector<std::condition_variable>(domain_of_.size());
    states_.resize(domain_of_.size());
    left_.resize(domain_of_.size());
    errors_.resize(domain_of_.size());
  }

  int size() const { return size_; }
  std::span<const Range> domains() const { return domains_; }
  Collective& domain_call(int rank) { return domain_calls_[domain_of_[index(rank)]]; }
  Collective& call_of_all() { return call_of_all_; }

  template <class Last>
  void arrive(Collective& call, int rank, SyncPoint sync_point, std::span<std::byte> brings,
              const Last& last) {
    std::unique_lock lock(mutex_);
    if (aborted_) throw_failure_of(culprit_, *aborted_);
    if (call.arrived > 0 && call.sync_point != sync_point) {
      throw_failure_of(rank, "arrived at another synchronization point than the ranks that wait");
    }
    const std::int64_t step = states_[index(rank)].step;
    if (call.arrived > 0 && call.step != step) {
      throw_failure_of(rank, "arrived in another step than the ranks that wait");
    }
    call.sync_point = sync_point;
    call.step = step;
    call.brought[index(rank - static_cast<int>(call.ranks.begin))] = brings;
    if (++call.arrived == call.ranks.size()) {
      last();
      call.arrived = 0;
      ++call.generation;
      wake(call.ranks);
      return;
    }
    const std::int64_t mine = call.generation;
    wait(lock, rank, call.ranks, [&] { return call.generation != mine; });
  }

  void send(int rank, const Outgoing& out, SyncPoint sync_point) {
    const std::lock_guard lock(mutex_);
    if (out.to < 0 || out.to >= size_ || out.to == rank)
      throw_failure_of(rank, "sends to no other rank");
    mail_[{rank, out.to}].push_back(
        {{out.bytes.begin(), out.bytes.end()}, sync_point, states_[index(rank)].step});
    wake_[index(out.to)].notify_one();
  }

  void receive(int rank, const Incoming& in, SyncPoint sync_point) {
    std::unique_lock lock(mutex_);
    if (in.from < 0 || in.from >= size_ || in.from == rank)
      throw_failure_of(rank, "receives from no other");
    std::deque<Message>& box = mail_[{in.from, rank}];
    wait(lock, rank, {in.from, in.from + 1}, [&] { return !box.empty(); });
    const Message message = std::move(box.front());
    box.pop_front();
    if (message.sync_point != sync_point)
      throw_failure_of(in.from, "sent a message of another synchronization point");
    if (message.step != states_[index(rank)].step)
      throw_failure_of(in.from, "sent it in another step");
    if (message.bytes.size() != in.bytes.size())
      throw_failure_of(in.from, "sent a message of another size");
    std::copy(message.bytes.begin(), message.bytes.end(), in.bytes.begin());
  }

  template <class Change>
  void change(int rank, const Change& change) {
    const std::lock_guard lock(mutex_);
    change(states_[index(rank)]);
  }

  RankState state(int rank) {
    const std::lock_guard lock(mutex_);
    return states_[index(rank)];
  }

  // The first failure counts; all others follow from it.
  void break_off(int rank, std::string reason) {
    const std::lock_guard lock(mutex_);
    if (!aborted_) {
      aborted_ = std::move(reason);
      culprit_ = rank;
    }
    wake({0, size_});
  }

  void leave(int rank, std::exception_ptr error) {
    if (error) break_off(rank, "threw");
    const std::lock_guard lock(mutex_);
    errors_[index(rank)] = std::move(error);
    left_[index(rank)] = true;
    wake({0, size_});
  }

  // After all have left.
  void conclude() {
    if (aborted_ && errors_[index(culprit_)]) std::rethrow_exception(errors_[index(culprit_)]);
    for (const std::exception_ptr& error : errors_) {
      if (error) std::rethrow_exception(error);
    }
    for (const auto& [ends, box] : mail_) {
      if (!box.empty() && !aborted_) throw_failure_of(ends.first, "sent what nobody received");
    }
  }

 private:
  static std::size_t index(int rank) { return static_cast<std::size_t>(rank); }

  static Collective collective(Range ranks) {
    Collective result;
    result.ranks = ranks;
    result.brought.resize(static_cast<std::size_t>(ranks.size()));
    return result;
  }

  void wake(Range ranks) {
    for (Index r = ranks.begin; r < ranks.end; ++r) wake_[static_cast<std::size_t>(r)].notify_one();
  }

  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, int rank, Range peers, const Ready& ready) {
    const auto gone = [&] {
      return std::find(left_.begin() + peers.begin, left_.begin() + peers.end, true);
    };
    const bool in_time = wake_[index(rank)].wait_for(lock, kPatience, [&] {
      return ready() || aborted_ || gone() != left_.begin() + peers.end;
    });
    if (in_time && ready()) return;
    if (!aborted_) {
      culprit_ = in_time ? static_cast<int>(gone() - left_.begin()) : rank;
      aborted_ = in_time ? "left" : "waited too long";
    }
    throw_failure_of(culprit_, *aborted_);
  }

  int size_ = 0;
  std::vector<Range> domains_;
  std::vector<std::size_t> domain_of_;
  std::mutex mutex_;
  std::vector<std::condition_variable> wake_;  // one for each rank
  std::deque<Collective> domain_calls_;        // one for each memory domain
  Collective call_of_all_;
  std::map<std::pair<int, int>, std::deque<Message>> mail_;  // from, to
  std::vector<RankState> states_;
  std::vector<bool> left_;
  std::vector<std::exception_ptr> errors_;
  std::optional<std::string> aborted_;
  int culprit_ = 0;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(Job& job, int rank) : job_(job), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return job_.size(); }
  std::span<const Range> domains() const override { return job_.domains(); }
  Range host() const override { return {0, job_.size()}; }

  std::shared_ptr<std::byte[]> allocate(Index bytes) override {
    Collective& domain = job_.domain_call(rank_);
    std::shared_ptr<std::byte[]> block;
    job_.arrive(domain, rank_, SyncPoint::allocation, as_bytes(bytes), [&] {
      for (const auto& asked : domain.brought) {
        if (!std::ranges::equal(asked, as_bytes(bytes)))
          throw_failure_of(rank_, "allocates another size");
      }
      const auto memory = std::make_shared<Buffer<std::byte>>(bytes);
      domain.block = {memory, memory->data()};
    });
    // No rank can make the next block before all ranks of the memory domain have arrived for it.
    return domain.block;
  }

  void barrier(SyncPoint sync_point) override {
    job_.arrive(job_.domain_call(rank_), rank_, sync_point, {}, [] {});
  }

  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                SyncPoint sync_point) override {
    for (const Outgoing& message : out) job_.send(rank_, message, sync_point);
    for (const Incoming& message : in) job_.receive(rank_, message, sync_point);
  }

  void sum(std::span<float> values) override { sum_of(values); }
  void sum(std::span<double> values) override { sum_of(values); }

  void publish(Activity activity, std::int64_t step) noexcept override {
    job_.change(rank_, [&](RankState& state) {
      state.activity = activity;
      state.step = step;
    });
  }
  void heartbeat() noexcept override {
    job_.change(rank_, [](RankState& state) { ++state.heartbeats; });
  }
  void fail(std::string_view reason) noexcept override {
    job_.change(rank_, [&](RankState& state) {
      state.activity = Activity::failed;
      state.failure = reason;
    });
    job_.break_off(rank_, std::string(reason));
  }

  RankState state(int rank) const { return job_.state(rank); }

 private:
  static std::span<std::byte> as_bytes(Index& value) {
    return std::as_writable_bytes(std::span(&value, 1));
  }

  template <class T>
  void sum_of(std::span<T> values) {
    Collective& all = job_.call_of_all();
    job_.arrive(all, rank_, SyncPoint::exchange, std::as_writable_bytes(values), [&] {
      for (const auto& brought : all.brought) {
        if (brought.size() != values.size_bytes())
          throw_failure_of(rank_, "sums another number of values");
      }
      const auto value = [&](std::size_t rank, std::size_t i) {
        return reinterpret_cast<T*>(all.brought[rank].data()) + i;
      };
      for (std::size_t i = 0; i < values.size(); ++i) {
        T total = *value(0, i);
        for (std::size_t r = 1; r < all.brought.size(); ++r) total += *value(r, i);
        for (std::size_t r = 0; r < all.brought.size(); ++r) *value(r, i) = total;
      }
    });
  }

  Job& job_;
  const int rank_;
};

}  // namespace

void run_ranks(const std::vector<int>& domain_sizes,
               const std::function<void(Communicator&)>& work) {
  Job job(domain_sizes);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < job.size(); ++rank) {
    threads.emplace_back([&job, &work, rank] {
      std::exception_ptr error;
      try {
        ThreadCommunicator communicator(job, rank);
        work(communicator);
      } catch (...) {
        error = std::current_exception();
      }
      job.leave(rank, error);
    });
  }
  for (std::thread& thread : threads) thread.join();
  job.conclude();
}

RankState state_of(const Communicator& communicator, int rank) {
  return dynamic_cast<const ThreadCommunicator&>(communicator).state(rank);
}

}  // namespace convoy::test
