// SPDX-License-Identifier: Apache-2.0
#include "convoy/base/clock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace convoy {
namespace {

TEST(Clock, TicksNeverDescendOnAnyThread) {
  std::atomic<std::int64_t> latest{ticks()};
  std::atomic<bool> good{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const std::int64_t before = latest.load();  // read by somebody, somewhere
        const std::int64_t now = ticks();
        if (now < before) good = false;
        latest.store(now);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(good);
}

TEST(Clock, TicksAreTheSteadyClocksTimeInAnotherUnit) {
  const TickScale scale;
  const double seconds_per_tick = scale.seconds_per_tick();
  const TickScale::Reading end = TickScale::read();
  const auto ticks = static_cast<double>(end.tick - scale.start().tick);
  const auto nanoseconds = static_cast<double>(end.nanoseconds - scale.start().nanoseconds);
  EXPECT_GT(ticks, 0);
  EXPECT_NEAR(1e9 * seconds_per_tick * ticks / nanoseconds, 1, 0.02);
}

}  // namespace
}  // namespace convoy
