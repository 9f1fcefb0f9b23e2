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

// Arrives now early, now late, now after a sleep.
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

// No worker leaves before the last has come, and each sees what all others and the leader wrote
// (under a thread sanitizer: without a race).
TEST(Barrier, AllMeetAndSeeWhatWasWritten) {
  for (const int workers : {1, 2, 3, 5, 8, 16}) {
    Barrier barrier(workers, workers % 2 == 0 ? kPatientSpins : kBriefSpins);
    const int meetings = rounds(300);
    std::vector<int> place(static_cast<std::size_t>(workers), 0);
    int sum = 0, completions = 0;
    std::atomic<int> wrong{0};
    run_threads(workers, [&](int worker) {
      Delay delay(worker);
      for (int i = 1; i <= meetings; ++i) {
        delay();
        place[static_cast<std::size_t>(worker)] = i;
        const bool whole = barrier.meet(worker, [&] {
          ++completions;
          sum = 0;
          for (const int p : place) sum += p;
        });
        if (!whole || sum != i * workers || completions != i) ++wrong;
        if (!barrier.meet(worker)) ++wrong;  // before the next ones write
      }
    });
    EXPECT_EQ(wrong, 0) << workers << " workers";
    EXPECT_EQ(completions, meetings);
  }
}

// Whoever fails, before a meeting or as the leader in the middle of one: all leave, and after a
// reset all can meet again.
TEST(Barrier, ABreakLetsAllLeaveAndAResetMendsIt) {
  std::minstd_rand random(3);
  for (const int workers : {1, 2, 3, 7, 16}) {
    Barrier barrier(workers);
    for (int round = 0; round < rounds(60); ++round) {
      const int culprit = static_cast<int>(random() % static_cast<unsigned>(workers));
      const int when = static_cast<int>(random() % 6);
      const bool in_completion = culprit == 0 && random() % 2 == 0;
      barrier.reset();
      std::atomic<int> met{0}, left{0};
      run_threads(workers, [&](int worker) {
        Delay delay(worker + 100 * round);
        for (int i = 0;; ++i) {
          delay();
          if (worker == culprit && i == when && !in_completion) {
            barrier.break_up();
            break;
          }
          bool whole = false;
          if (worker == culprit && i == when) {
            try {
              barrier.meet(worker, [] { throw 1; });
            } catch (int) {
              barrier.break_up();
            }
          } else {
            whole = barrier.meet(worker);
          }
          if (!whole) break;
          ++met;
        }
        EXPECT_FALSE(barrier.meet(worker)) << "a broken barrier stays broken";
        ++left;
      });
      EXPECT_EQ(left, workers);
      EXPECT_LE(met, workers * when);
      EXPECT_GE(met, (workers - 1) * (when - 1));
    }
    barrier.reset();
    std::atomic<int> met{0};
    run_threads(workers, [&](int worker) {
      for (int i = 0; i < 10; ++i) met += barrier.meet(worker) ? 1 : 0;
    });
    EXPECT_EQ(met, 10 * workers);
  }
}

TEST(Barrier, SeveralMayBreakItAtOnce) {
  for (int round = 0; round < rounds(60); ++round) {
    Barrier barrier(6);
    std::atomic<int> left{0};
    run_threads(6, [&](int worker) {
      Delay delay(worker + 7 * round);
      for (int i = 0; i < 5; ++i) {
        delay();
        if (worker % 2 == round % 2 && i == 2) barrier.break_up();
        if (!barrier.meet(worker)) break;
      }
      ++left;
    });
    EXPECT_EQ(left, 6);
  }
}

// Waiters that spun would leave no time to those waited for. So the machine is kept busy with work
// that never pauses, and thousands of meetings of eight workers still end: no time is asserted, but
// the test has a limit.
TEST(Barrier, ABusyMachineDoesNotMakeItCollapse) {
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
  const int meetings = rounds(600);
  std::atomic<int> met{0};
  run_threads(8, [&](int worker) {
    for (int i = 0; i < meetings; ++i) met += barrier.meet(worker) ? 1 : 0;
  });
  done = true;
  for (std::thread& burner : burners) burner.join();
  EXPECT_EQ(met, 8 * meetings);
}

}  // namespace
}  // namespace convoy::test
