// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace convoy {
namespace {

TEST(Clock, TicksNeverDescendOnAThread) {
  const std::int64_t begin = ticks();
  std::atomic<bool> good{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::int64_t last = begin;
      for (int i = 0; i < 20'000; ++i) {
        const std::int64_t now = ticks();
        if (now < last) good = false;
        last = now;
        if (i % 1000 == 0) std::this_thread::yield();  // perhaps to another core
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
