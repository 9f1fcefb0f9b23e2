// SPDX-License-Identifier: Apache-2.0
#include "parallel/domain_barrier.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "base/check.hpp"

namespace convoy {
namespace {

// A yield lets other ranks run where ranks outnumber cores; it costs less than sleep and wake.
constexpr int kYields = 10;
constexpr timespec kLookEvery{0, 100'000'000};
constexpr std::uint32_t kCountBits = 12;
constexpr std::uint32_t kCountMask = (1U << kCountBits) - 1;

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// Returns on a wake, on a signal, after a tenth of a second, or at once where `word` has changed.
// FUTEX_PRIVATE_FLAG must not be set: the other ranks are other processes.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t old) {
  syscall(SYS_futex, &word, FUTEX_WAIT, old, &kLookEvery, nullptr, 0);
}
void futex_wake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// The mark of a tag, in the upper 20 bits. A sum of tags alone can't tell 1 + 3 from 2 + 2, so each
// mark has 12 mixed bits. The mark also contains the tag, so the marks of two tags always differ.
std::uint32_t mark(int tag) {
  const auto value = static_cast<std::uint32_t>(tag) & 255U;
  std::uint32_t mixed = (value + 1) * 0x9E3779B1U;
  mixed = (mixed ^ (mixed >> 15)) * 0x85EBCA6BU;
  return (value | (mixed >> 20) << 8) << kCountBits;
}

}  // namespace

bool DomainBarrier::arrive_and_wait(int local_rank, int ranks, int tag, const Look& look,
                                    int spins) {
  CONVOY_ASSERT(local_rank >= 0 && local_rank < ranks && ranks <= static_cast<int>(kCountMask));
  if (ranks == 1) return true;
  if (disagreed_.load(std::memory_order_acquire)) return false;
  const auto others = static_cast<std::uint32_t>(ranks - 1);
  return local_rank == 0 ? lead(others, others * mark(tag), spins, look)
                         : follow(others, mark(tag), spins, look);
}

bool DomainBarrier::lead(std::uint32_t others, std::uint32_t marks, int spins, const Look& look) {
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
  // No rank arrives at the next barrier before phase_ says that this one has ended.
  arrived_.store(0, std::memory_order_relaxed);
  phase_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) futex_wake(phase_);
  return agreed;
}

bool DomainBarrier::follow(std::uint32_t others, std::uint32_t mark, int spins, const Look& look) {
  const std::uint32_t phase = phase_.load(std::memory_order_acquire);
  const std::uint32_t before = arrived_.fetch_add(1 + mark, std::memory_order_seq_cst);
  // Only the last rank to arrive wakes the leader.
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

// A process that changes `word` reads `sleepers` afterwards. A process that sleeps first increases
// `sleepers` and then reads `word` (here, and again in the kernel). These four accesses have one
// total order, so at least one of the two sees the other's change. A sleeper that was killed stays
// counted; that only costs one system call per barrier.
void DomainBarrier::sleep(std::atomic<std::uint32_t>& word, std::uint32_t old,
                          std::atomic<std::uint32_t>& sleepers, const Look& look) {
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  if (word.load(std::memory_order_seq_cst) == old) futex_wait(word, old);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  if (word.load(std::memory_order_acquire) == old) look();
}

void DomainBarrier::wake_all() noexcept {
  futex_wake(arrived_);
  futex_wake(phase_);
}

}  // namespace convoy
