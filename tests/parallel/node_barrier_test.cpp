// SPDX-License-Identifier: Apache-2.0
#include "parallel/node_barrier.hpp"

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
  NodeBarrier barrier;
  std::array<std::int64_t, kMostRanks * 8> written;  // a cache line each; not atomic on purpose
  std::atomic<int> count;
};

std::shared_ptr<Shared> shared_memory() {
  const auto memory = memory_for_children(sizeof(Shared));
  return {memory, new (memory.get()) Shared{}};
}

const auto kNothing = [] {};

// Arrives now early, now late, now after a sleep.
void delay(std::minstd_rand& random) {
  const auto kind = random() % 64;
  if (kind == 0) usleep(static_cast<useconds_t>(random() % 300));
  if (kind == 1) std::this_thread::yield();
  if (kind > 40) {
    for (auto i = random() % 300; i > 0; --i) std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

// How often somebody left too early or saw what was not written.
int meet_often(Shared& shared, int place, int ranks, int meetings) {
  std::minstd_rand random(static_cast<unsigned>(place + 1));
  int wrong = 0;
  for (int i = 1; i <= meetings; ++i) {
    shared.written[static_cast<std::size_t>(place) * 8] = i;
    delay(random);
    wrong += !shared.barrier.meet(place, ranks, i & 255, kNothing);
    for (int r = 0; r < ranks; ++r) wrong += shared.written[static_cast<std::size_t>(r) * 8] != i;
    delay(random);
    wrong += !shared.barrier.meet(place, ranks, (i * 7) & 255, kNothing);
  }
  return wrong;
}

TEST(NodeBarrier, ProcessesMeetAndSeeWhatWasWritten) {
  for (const int ranks : {2, 3, 4, 8}) {
    const auto shared = shared_memory();
    Children children;
    for (int place = 0; place < ranks; ++place) {
      children.start([&, place] {
        return meet_often(*shared, place, ranks, rounds(4000) / ranks) == 0 ? 0 : 1;
      });
    }
    EXPECT_EQ(children.join(), std::vector<int>(static_cast<std::size_t>(ranks), 0)) << ranks;
  }
}

// Under a thread sanitizer: without a race.
TEST(NodeBarrier, ThreadsMeetAndSeeWhatWasWritten) {
  for (const int ranks : {1, 2, 5, 8}) {
    const auto shared = shared_memory();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int place = 0; place < ranks; ++place) {
      threads.emplace_back(
          [&, place] { wrong += meet_often(*shared, place, ranks, rounds(2000) / ranks); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0) << ranks;
  }
}

TEST(NodeBarrier, OneRankNeverWaits) {
  const auto shared = shared_memory();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(shared->barrier.meet(0, 1, i & 255, [] { FAIL(); }));
  }
}

// Also where the tags add up to what agreeing ones would.
TEST(NodeBarrier, WhoCameForDifferentThingsIsToldSo) {
  const std::vector<std::vector<int>> cases = {
      {0, 1}, {255, 254}, {2, 1, 3}, {2, 3, 1}, {10, 5, 15, 10}, {0, 0, 0, 1}, {1, 1, 0, 2, 1, 1}};
  for (const auto& tags : cases) {
    const auto ranks = static_cast<int>(tags.size());
    const auto shared = shared_memory();
    Children children;
    for (int place = 0; place < ranks; ++place) {
      children.start([&, place] {
        NodeBarrier& barrier = shared->barrier;
        if (!barrier.meet(place, ranks, 9, kNothing)) return 1;
        if (barrier.meet(place, ranks, tags[static_cast<std::size_t>(place)], kNothing)) return 2;
        return barrier.meet(place, ranks, 9, kNothing) ? 3 : 0;  // of no use any more
      });
    }
    EXPECT_EQ(children.join(), std::vector<int>(tags.size(), 0));
  }
}

// One is killed, before it comes or while it waits for another: the rest look, and can leave.
TEST(NodeBarrier, WhoWaitsLooks) {
  constexpr int kRanks = 3;
  for (int killed = 0; killed < kRanks; ++killed) {
    for (const bool comes : {false, true}) {
      const auto shared = shared_memory();
      NodeBarrier& barrier = shared->barrier;
      Children children;
      for (int place = 0; place < kRanks; ++place) {
        children.start([&, place]() -> int {
          for (int i = 0; i < 10; ++i) barrier.meet(place, kRanks, 1, kNothing);
          if (place == killed) {
            const auto die = [&] {
              shared->count = 1;
              kill(getpid(), SIGKILL);
            };
            if (comes) barrier.meet(place, kRanks, 1, die);
            die();
          }
          if (comes && place == (killed + 1) % kRanks) {
            while (shared->count == 0) usleep(1000);
          }
          int looks = 0;
          try {
            for (;;) {  // that it had come may still be enough for one meeting
              barrier.meet(place, kRanks, 1, [&] {
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

// One that fails wakes the others, who look at once: again and again, so that it would show if each
// had to wait for its tenth of a second.
TEST(NodeBarrier, WakingMakesThemLook) {
  const auto shared = shared_memory();
  Children children;
  for (int place = 0; place < 2; ++place) {
    children.start([&, place] {
      try {
        shared->barrier.meet(place, 3, 1, [&] {
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
