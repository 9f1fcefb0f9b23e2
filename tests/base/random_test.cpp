// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <gtest/gtest.h>

#include <set>

namespace convoy {
namespace {

// The published vectors of Random123 (kat_vectors, "philox4x32 10").
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The bit layout is part of the contract: it is spelled out here a second time, from the header.
TEST(RandomBits, FollowTheLayoutOfTheHeader) {
  const RandomStream stream{0x299f31d0a4093822, Purpose::dropout, 0x7344, 0x13198a2e};
  for (std::uint32_t word = 0; word < 4; ++word) {
    const auto block =
        philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 4U << 16 | 0x7344U}, {0xa4093822, 0x299f31d0});
    EXPECT_EQ(random_bits(stream, 0x85a308d3, 4ULL * 0x243f6a88 + word), block[word]);
  }
}

TEST(RandomBits, DifferInEveryCoordinate) {
  const RandomStream base{7, Purpose::epoch_order, 1, 2};
  std::set<std::uint32_t> seen = {random_bits(base, 3, 4)};
  RandomStream other = base;
  other.seed += 1ULL << 32;
  EXPECT_TRUE(seen.insert(random_bits(other, 3, 4)).second);
  other = base;
  other.purpose = Purpose::validation;
  EXPECT_TRUE(seen.insert(random_bits(other, 3, 4)).second);
  other = base;
  other.layer = 2;
  EXPECT_TRUE(seen.insert(random_bits(other, 3, 4)).second);
  other = base;
  other.epoch = 3;
  EXPECT_TRUE(seen.insert(random_bits(other, 3, 4)).second);
  EXPECT_TRUE(seen.insert(random_bits(base, 4, 4)).second);
  EXPECT_TRUE(seen.insert(random_bits(base, 3, 5)).second);
}

TEST(RandomUniform, FillsTheUnitIntervalEvenly) {
  const RandomStream stream{1, Purpose::initial_weights, 0, 0};
  constexpr int kDraws = 40000, kBins = 16;
  std::array<int, kBins> bins{};
  for (int i = 0; i < kDraws; ++i) {
    const double u = random_uniform(stream, 0, static_cast<std::uint64_t>(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++bins[static_cast<std::size_t>(u * kBins)];
  }
  double chi_squared = 0;
  const double expected = double{kDraws} / kBins;
  for (const int n : bins) chi_squared += (n - expected) * (n - expected) / expected;
  EXPECT_LT(chi_squared, 37.7);  // 15 degrees of freedom, one in a thousand
}

}  // namespace
}  // namespace convoy
