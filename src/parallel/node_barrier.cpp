// SPDX-License-Identifier: Apache-2.0
#include "parallel/node_barrier.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "base/check.hpp"

namespace convoy {
namespace {

// Then others run, on a machine with more ranks than cores: cheaper than to sleep and be woken.
constexpr int kYields = 10;
constexpr timespec kLookEvery{0, 100'000'000};
constexpr std::uint32_t kCountBits = 12;
constexpr std::uint32_t kCountMask = (1U << kCountBits) - 1;

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// Returns on a wake, a signal, after a tenth of a second, or at once where `word` has changed.
// FUTEX_PRIVATE_FLAG must not be set: others are in other processes.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t old) {
  syscall(SYS_futex, &word, FUTEX_WAIT, old, &kLookEvery, nullptr, 0);
}
void futex_wake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// Of a tag, in the upper 20 bits. Sums of tags alone would take 1 and 3 for two times 2; so each
// brings 12 mixed bits along. The tag itself stays in, so two ranks never agree by accident.
std::uint32_t mark(int tag) {
  const auto value = static_cast<std::uint32_t>(tag) & 255U;
  std::uint32_t mixed = (value + 1) * 0x9E3779B1U;
  mixed = (mixed ^ (mixed >> 15)) * 0x85EBCA6BU;
  return (value | (mixed >> 20) << 8) << kCountBits;
}

}  // namespace

bool NodeBarrier::meet(int place, int ranks, int tag, const Look& look, int spins) {
  CONVOY_ASSERT(place >= 0 && place < ranks && ranks <= static_cast<int>(kCountMask));
  if (ranks == 1) return true;
  if (disagreed_.load(std::memory_order_acquire)) return false;
  const auto others = static_cast<std::uint32_t>(ranks - 1);
  return place == 0 ? lead(others, others * mark(tag), spins, look)
                    : follow(others, mark(tag), spins, look);
}

bool NodeBarrier::lead(std::uint32_t others, std::uint32_t marks, int spins, const Look& look) {
  std::uint32_t arrived = arrived_.load(std::memory_order_acquire);
  for (int i = 0; (arrived & kCountMask) != others; ++i) {
    if (i < spins) {
      pause();
    } else if (i < spins + kYields) {
      sched_yield();
    } else {
      sleep(arrived_, arrived, leader_sleeps_, look);
    }
    arrived = arrived_.load(std::memory_order_acquire);
  }
  const bool agreed = (arrived & ~kCountMask) == marks;
  if (!agreed) disagreed_.store(1, std::memory_order_relaxed);
  // Nobody arrives for the next meeting before phase_ says that this one is over.
  arrived_.store(0, std::memory_order_relaxed);
  phase_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) futex_wake(phase_);
  return agreed;
}

bool NodeBarrier::follow(std::uint32_t others, std::uint32_t mark, int spins, const Look& look) {
  const std::uint32_t phase = phase_.load(std::memory_order_acquire);
  const std::uint32_t before = arrived_.fetch_add(1 + mark, std::memory_order_seq_cst);
  // Only the last one has something to tell the leader.
  if ((before & kCountMask) + 1 == others && leader_sleeps_.load(std::memory_order_seq_cst) != 0) {
    futex_wake(arrived_);
  }
  for (int i = 0; phase_.load(std::memory_order_acquire) == phase; ++i) {
    if (i < spins) {
      pause();
    } else if (i < spins + kYields) {
      sched_yield();
    } else {
      sleep(phase_, phase, sleepers_, look);
    }
  }
  return !disagreed_.load(std::memory_order_acquire);
}

// Who changes `word` looks at `sleepers` afterwards, who sleeps looks at `word` after it said so
// (here and, for good, in the kernel): in one order of all four, so one of the two sees the other.
// A sleeper that was killed stays counted: that costs a system call a meeting, no more.
void NodeBarrier::sleep(std::atomic<std::uint32_t>& word, std::uint32_t old,
                        std::atomic<std::uint32_t>& sleepers, const Look& look) {
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  if (word.load(std::memory_order_seq_cst) == old) futex_wait(word, old);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  if (word.load(std::memory_order_acquire) == old) look();
}

void NodeBarrier::wake_all() noexcept {
  futex_wake(arrived_);
  futex_wake(phase_);
}

}  // namespace convoy
