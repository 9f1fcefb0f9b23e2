// SPDX-License-Identifier: Apache-2.0
// A job of one rank is the parallel program of size one: every collective call is the identity.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "parallel/communicator.hpp"

namespace convoy {
namespace {

TEST(Alone, IsRankZeroOfOne) {
  const auto communicator = alone();
  EXPECT_EQ(communicator->rank(), 0);
  EXPECT_EQ(communicator->size(), 1);
}

TEST(Alone, IsTheOneDomainOfItsMachine) {
  const auto communicator = alone();
  ASSERT_EQ(communicator->domains().size(), 1u);
  EXPECT_EQ(communicator->domains()[0], (Range{0, 1}));
  EXPECT_EQ(communicator->host(), (Range{0, 1}));
  EXPECT_EQ(domain_index(*communicator), 0);
  EXPECT_TRUE(leads_domain(*communicator));
}

TEST(Alone, ReturnsFromCollectiveCallsAtOnceWithItsOwnValues) {
  const auto communicator = alone();
  communicator->barrier(SyncPoint::gradients);
  communicator->barrier(SyncPoint::update);
  communicator->exchange({}, {}, SyncPoint::exchange);
  std::array<float, 3> values{1, 2, 3};
  communicator->sum(values);
  EXPECT_EQ(values, (std::array<float, 3>{1, 2, 3}));
}

TEST(Alone, MemoryIsZeroedAlignedAndOutlivesTheCommunicator) {
  auto communicator = alone();
  for (const Index floats : {0, 1, 15, 16, 17, 1000}) {
    const auto a = allocate<float>(*communicator, floats);
    const auto b = allocate<float>(*communicator, floats);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.get()) % kAlignment, 0u);
    EXPECT_TRUE(std::all_of(a.get(), a.get() + floats, [](float x) { return x == 0; }));
    std::fill_n(a.get(), floats, 1.0F);
    EXPECT_TRUE(std::all_of(b.get(), b.get() + floats, [](float x) { return x == 0; }));
  }
  const auto kept = allocate<float>(*communicator, 100);
  communicator.reset();
  std::fill_n(kept.get(), 100, 2.0F);
  EXPECT_EQ(kept[99], 2.0F);
}

}  // namespace
}  // namespace convoy
