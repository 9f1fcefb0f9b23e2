// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/barrier.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

void run_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

// Arrives at random times: early, late, or after a sleep.
class Delay {
 public:
  explicit Delay(int seed) : random_(static_cast<unsigned>(seed)) {}
  void operator()() {
    switch (random_() % 16) {
      case 0:
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 200));
        break;
      case 1:
      case 2:
        std::this_thread::yield();
        break;
      default:
        for (auto i = random_() % 500; i > 0; --i) {
          std::atomic_signal_fence(std::memory_order_seq_cst);
        }
    }
  }

 private:
  std::minstd_rand random_;
};

// No worker leaves before the last has arrived, and each sees what all others and the leader wrote
// (under a thread sanitizer: without a race).
TEST(Barrier, WorkersSeeWhatOthersWroteBeforeTheBarrier) {
  for (const int workers : {1, 2, 3, 5, 8, 16}) {
    Barrier barrier(workers, workers % 2 == 0 ? kLongSpins : kShortSpins);
    const int barriers = rounds(300);
    std::vector<int> written(static_cast<std::size_t>(workers), 0);
    int sum = 0, completions = 0;
    std::atomic<int> wrong{0};
    run_threads(workers, [&](int worker) {
      Delay delay(worker);
      for (int i = 1; i <= barriers; ++i) {
        delay();
        written[static_cast<std::size_t>(worker)] = i;
        const bool whole = barrier.arrive_and_wait(worker, [&] {
          ++completions;
          sum = 0;
          for (const int p : written) sum += p;
        });
        if (!whole || sum != i * workers || completions != i) ++wrong;
        if (!barrier.arrive_and_wait(worker)) ++wrong;  // before the next ones write
      }
    });
    EXPECT_EQ(wrong, 0) << workers << " workers";
    EXPECT_EQ(completions, barriers);
  }
}

// If a worker fails before a barrier, or the leader within one, all workers leave; after a reset
// the barrier can be used again.
TEST(Barrier, AnAbortReleasesAllWorkersAndAResetAllowsNewBarriers) {
  std::minstd_rand random(3);
  for (const int workers : {1, 2, 3, 7, 16}) {
    Barrier barrier(workers);
    for (int round = 0; round < rounds(60); ++round) {
      const int culprit = static_cast<int>(random() % static_cast<unsigned>(workers));
      const int when = static_cast<int>(random() % 6);
      const bool in_completion = culprit == 0 && random() % 2 == 0;
      barrier.reset();
      std::atomic<int> completed{0}, left{0};
      run_threads(workers, [&](int worker) {
        Delay delay(worker + 100 * round);
        for (int i = 0;; ++i) {
          delay();
          if (worker == culprit && i == when && !in_completion) {
            barrier.abort();
            break;
          }
          bool whole = false;
          if (worker == culprit && i == when) {
            try {
              barrier.arrive_and_wait(worker, [] { throw 1; });
            } catch (int) {
              barrier.abort();
            }
          } else {
            whole = barrier.arrive_and_wait(worker);
          }
          if (!whole) break;
          ++completed;
        }
        EXPECT_FALSE(barrier.arrive_and_wait(worker)) << "a broken barrier stays broken";
        ++left;
      });
      EXPECT_EQ(left, workers);
      EXPECT_LE(completed, workers * when);
      EXPECT_GE(completed, (workers - 1) * (when - 1));
    }
    barrier.reset();
    std::atomic<int> completed{0};
    run_threads(workers, [&](int worker) {
      for (int i = 0; i < 10; ++i) completed += barrier.arrive_and_wait(worker) ? 1 : 0;
    });
    EXPECT_EQ(completed, 10 * workers);
  }
}

TEST(Barrier, SeveralWorkersMayAbortAtOnce) {
  for (int round = 0; round < rounds(60); ++round) {
    Barrier barrier(6);
    std::atomic<int> left{0};
    run_threads(6, [&](int worker) {
      Delay delay(worker + 7 * round);
      for (int i = 0; i < 5; ++i) {
        delay();
        if (worker % 2 == round % 2 && i == 2) barrier.abort();
        if (!barrier.arrive_and_wait(worker)) break;
      }
      ++left;
    });
    EXPECT_EQ(left, 6);
  }
}

// Workers that spin for long would take the cores of the workers for which they wait. So this test
// keeps the machine busy with work that never pauses, and thousands of barriers of eight workers
// still have to end. It asserts no time, but the test has a limit.
TEST(Barrier, ThousandsOfBarriersEndOnABusyMachine) {
  std::atomic<bool> done{false};
  std::vector<std::thread> burners;
  const unsigned cores = std::max(1U, std::min(16U, std::thread::hardware_concurrency()));
  for (unsigned i = 0; i < cores; ++i) {
    burners.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed))
        std::atomic_signal_fence(std::memory_order_seq_cst);
    });
  }
  Barrier barrier(8);
  const int barriers = rounds(600);
  std::atomic<int> completed{0};
  run_threads(8, [&](int worker) {
    for (int i = 0; i < barriers; ++i) completed += barrier.arrive_and_wait(worker) ? 1 : 0;
  });
  done = true;
  for (std::thread& burner : burners) burner.join();
  EXPECT_EQ(completed, 8 * barriers);
}

}  // namespace
}  // namespace convoy::test
