// SPDX-License-Identifier: Apache-2.0
// A job of one rank is the parallel program of size one: everything is the identity.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "convoy/comm/communicator.hpp"

namespace convoy {
namespace {

TEST(Alone, IsRankZeroOfOne) {
  const auto communicator = alone();
  EXPECT_EQ(communicator->rank(), 0);
  EXPECT_EQ(communicator->size(), 1);
}

TEST(Alone, GathersWhatItIsGiven) {
  const auto communicator = alone();
  std::array<float, 3> gradients{1, 2, 3};
  std::array<Tally, 3> tallies{};
  const std::array<Piece, 3> mine{Piece{{0, 4}, &gradients[0], &tallies[0]},
                                  Piece{{4, 6}, &gradients[1], &tallies[1]},
                                  Piece{{6, 7}, &gradients[2], &tallies[2]}};
  const std::span<const Piece> all = communicator->gather(mine);
  EXPECT_EQ(all.data(), mine.data());
  EXPECT_EQ(all.size(), mine.size());
  EXPECT_EQ(gradients, (std::array<float, 3>{1, 2, 3}));
  EXPECT_TRUE(communicator->gather({}).empty());
}

TEST(Alone, MemoryIsZeroedAlignedAndOutlivesTheCommunicator) {
  auto communicator = alone();
  for (const Index floats : {0, 1, 15, 16, 17, 1000}) {
    const auto a = communicator->allocate(floats);
    const auto b = communicator->allocate(floats);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.get()) % kAlignment, 0u);
    EXPECT_TRUE(std::all_of(a.get(), a.get() + floats, [](float x) { return x == 0; }));
    std::fill_n(a.get(), floats, 1.0F);
    EXPECT_TRUE(std::all_of(b.get(), b.get() + floats, [](float x) { return x == 0; }));
  }
  const auto kept = communicator->allocate(100);
  communicator.reset();
  std::fill_n(kept.get(), 100, 2.0F);
  EXPECT_EQ(kept[99], 2.0F);
}

}  // namespace
}  // namespace convoy
