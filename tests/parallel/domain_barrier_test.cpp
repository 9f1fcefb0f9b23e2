// SPDX-License-Identifier: Apache-2.0
#include "parallel/domain_barrier.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/ops/rounds.hpp"
#include "tests/parallel/children.hpp"

namespace convoy::test {
namespace {

constexpr int kMostRanks = 8;

struct Shared {
  DomainBarrier barrier;
  std::array<std::int64_t, kMostRanks * 8> written;  // a cache line each; not atomic on purpose
  std::atomic<int> count;
};

std::shared_ptr<Shared> shared_memory() {
  const auto memory = memory_for_children(sizeof(Shared));
  return {memory, new (memory.get()) Shared{}};
}

const auto kNothing = [] {};

// Arrives at random times: early, late, or after a sleep.
void delay(std::minstd_rand& random) {
  const auto kind = random() % 64;
  if (kind == 0) usleep(static_cast<useconds_t>(random() % 300));
  if (kind == 1) std::this_thread::yield();
  if (kind > 40) {
    for (auto i = random() % 300; i > 0; --i) std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

// The number of times that a rank left too early or did not see a write.
int wait_often(Shared& shared, int local_rank, int ranks, int barriers) {
  std::minstd_rand random(static_cast<unsigned>(local_rank + 1));
  int wrong = 0;
  for (int i = 1; i <= barriers; ++i) {
    shared.written[static_cast<std::size_t>(local_rank) * 8] = i;
    delay(random);
    wrong += !shared.barrier.arrive_and_wait(local_rank, ranks, i & 255, kNothing);
    for (int r = 0; r < ranks; ++r) wrong += shared.written[static_cast<std::size_t>(r) * 8] != i;
    delay(random);
    wrong += !shared.barrier.arrive_and_wait(local_rank, ranks, (i * 7) & 255, kNothing);
  }
  return wrong;
}

TEST(DomainBarrier, ProcessesSeeWhatOthersWroteBeforeTheBarrier) {
  for (const int ranks : {2, 3, 4, 8}) {
    const auto shared = shared_memory();
    Children children;
    for (int local_rank = 0; local_rank < ranks; ++local_rank) {
      children.start([&, local_rank] {
        return wait_often(*shared, local_rank, ranks, rounds(4000) / ranks) == 0 ? 0 : 1;
      });
    }
    EXPECT_EQ(children.join(), std::vector<int>(static_cast<std::size_t>(ranks), 0)) << ranks;
  }
}

// Under a thread sanitizer: without a race.
TEST(DomainBarrier, ThreadsSeeWhatOthersWroteBeforeTheBarrier) {
  for (const int ranks : {1, 2, 5, 8}) {
    const auto shared = shared_memory();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int local_rank = 0; local_rank < ranks; ++local_rank) {
      threads.emplace_back([&, local_rank] {
        wrong += wait_often(*shared, local_rank, ranks, rounds(2000) / ranks);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0) << ranks;
  }
}

TEST(DomainBarrier, OneRankNeverWaits) {
  const auto shared = shared_memory();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(shared->barrier.arrive_and_wait(0, 1, i & 255, [] { FAIL(); }));
  }
}

// This also holds where different tags have the sum of equal ones.
TEST(DomainBarrier, RanksAtDifferentSynchronizationPointsAreReported) {
  const std::vector<std::vector<int>> cases = {
      {0, 1}, {255, 254}, {2, 1, 3}, {2, 3, 1}, {10, 5, 15, 10}, {0, 0, 0, 1}, {1, 1, 0, 2, 1, 1}};
  for (const auto& tags : cases) {
    const auto ranks = static_cast<int>(tags.size());
    const auto shared = shared_memory();
    Children children;
    for (int local_rank = 0; local_rank < ranks; ++local_rank) {
      children.start([&, local_rank] {
        DomainBarrier& barrier = shared->barrier;
        if (!barrier.arrive_and_wait(local_rank, ranks, 9, kNothing)) return 1;
        if (barrier.arrive_and_wait(local_rank, ranks, tags[static_cast<std::size_t>(local_rank)],
                                    kNothing))
          return 2;
        return barrier.arrive_and_wait(local_rank, ranks, 9, kNothing)
                   ? 3
                   : 0;  // the barrier cannot be used any more
      });
    }
    EXPECT_EQ(children.join(), std::vector<int>(tags.size(), 0));
  }
}

// One rank is killed before it arrives or while it waits: the others call their check and can
// leave.
TEST(DomainBarrier, AWaitingRankCallsItsCheck) {
  constexpr int kRanks = 3;
  for (int killed = 0; killed < kRanks; ++killed) {
    for (const bool comes : {false, true}) {
      const auto shared = shared_memory();
      DomainBarrier& barrier = shared->barrier;
      Children children;
      for (int local_rank = 0; local_rank < kRanks; ++local_rank) {
        children.start([&, local_rank]() -> int {
          for (int i = 0; i < 10; ++i) barrier.arrive_and_wait(local_rank, kRanks, 1, kNothing);
          if (local_rank == killed) {
            const auto die = [&] {
              shared->count = 1;
              kill(getpid(), SIGKILL);
            };
            if (comes) barrier.arrive_and_wait(local_rank, kRanks, 1, die);
            die();
          }
          if (comes && local_rank == (killed + 1) % kRanks) {
            while (shared->count == 0) usleep(1000);
          }
          int looks = 0;
          try {
            for (;;) {  // the killed rank may still have completed one barrier
              barrier.arrive_and_wait(local_rank, kRanks, 1, [&] {
                if (++looks == 2) throw std::runtime_error("enough");
              });
            }
          } catch (const std::runtime_error&) {
            return 0;
          }
        });
      }
      std::vector<int> expected(kRanks, 0);
      expected[static_cast<std::size_t>(killed)] = 128 + SIGKILL;
      EXPECT_EQ(children.join(), expected) << killed << comes;
    }
  }
}

// A rank that fails wakes the others, which call their check at once. The test wakes them until
// their checks have run 40 times, so that a wait of a tenth of a second before each check would
// show.
TEST(DomainBarrier, WakingMakesWaitingRanksCallTheirCheck) {
  const auto shared = shared_memory();
  Children children;
  for (int local_rank = 0; local_rank < 2; ++local_rank) {
    children.start([&, local_rank] {
      try {
        shared->barrier.arrive_and_wait(local_rank, 3, 1, [&] {
          if (++shared->count >= 40) throw std::runtime_error("enough");
        });
      } catch (const std::runtime_error&) {
        return 0;
      }
      return 1;
    });
  }
  while (shared->count < 40) {
    shared->barrier.wake_all();
    usleep(200);
  }
  EXPECT_EQ(children.join(), std::vector<int>(2, 0));
}

}  // namespace
}  // namespace convoy::test
