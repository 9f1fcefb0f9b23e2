// SPDX-License-Identifier: Apache-2.0
#include "data/order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "base/random.hpp"
#include "tests/data/files.hpp"

namespace convoy {
namespace {

using testing::error_of;
using Samples = std::vector<std::uint32_t>;

constexpr Order kShuffled{Order::Kind::shuffled, 1}, kSequential{Order::Kind::sequential, 1};

Samples ascending(Index size) {
  Samples all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

Samples by_random_key(Index size, const RandomStream& stream) {
  Samples all = ascending(size);
  std::ranges::sort(all, {},
                    [&](std::uint32_t i) { return std::pair(random_bits(stream, i, 0), i); });
  return all;
}

TEST(EpochOrder, ShuffledIsTheSortByKeyAndSample) {
  for (const Index size : {0, 1, 2, 3, 257, 4096, 60000}) {
    for (const Index epoch : {1, 2, 70000}) {
      const std::uint64_t seed = 0x123456789abcdefULL + static_cast<std::uint64_t>(size);
      const RandomStream stream{seed, Purpose::epoch_order, 0, static_cast<std::uint32_t>(epoch)};
      EXPECT_EQ(epoch_order(kShuffled, size, seed, epoch), by_random_key(size, stream));
    }
  }
}

// Of 200,000 keys of 32 bits some are almost surely equal; there the smaller sample comes first.
TEST(EpochOrder, EqualKeysKeepTheOrderOfTheSamples) {
  constexpr Index kSize = 200000;
  const RandomStream stream{5, Purpose::epoch_order, 0, 1};
  const Samples order = epoch_order(kShuffled, kSize, 5, 1);
  int equal = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto before = random_bits(stream, order[i - 1], 0),
               key = random_bits(stream, order[i], 0);
    ASSERT_LE(before, key);
    if (before != key) continue;
    ++equal;
    EXPECT_LT(order[i - 1], order[i]);
  }
  EXPECT_GT(equal, 0);
}

TEST(EpochOrder, ShuffledDependsOnSeedAndEpoch) {
  std::set<Samples> orders;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32})
    for (const Index epoch : {1, 2, 3}) orders.insert(epoch_order(kShuffled, 100, seed, epoch));
  EXPECT_EQ(orders.size(), 9U);
}

TEST(EpochOrder, SequentialAndOneShardAreAscending) {
  for (const Index size : {0, 1, 257}) {
    EXPECT_EQ(epoch_order(kSequential, size, 1, 1), ascending(size));
    EXPECT_EQ(epoch_order({Order::Kind::shards, 1}, size, 1, 1), ascending(size));
  }
}

// The order that N programs see which each read their own slice, batch by batch.
TEST(EpochOrder, ShardsAreSlicesReadSideBySide) {
  for (const Index size : {0, 1, 5, 12, 257}) {
    for (const Index shards : {1, 2, 3, 4, 7, 300}) {
      std::vector<Samples> slices(static_cast<std::size_t>(shards));
      std::uint32_t next = 0;
      for (Index s = 0; s < shards; ++s)
        for (Index n = size / shards + (s < size % shards ? 1 : 0); n > 0; --n)
          slices[static_cast<std::size_t>(s)].push_back(next++);
      Samples wanted;
      for (std::size_t row = 0; row <= static_cast<std::size_t>(size); ++row)
        for (const Samples& slice : slices)
          if (row < slice.size()) wanted.push_back(slice[row]);
      EXPECT_EQ(epoch_order({Order::Kind::shards, shards}, size, 9, 3), wanted);
    }
  }
  const Order many{Order::Kind::shards, std::numeric_limits<Index>::max() / 2};
  EXPECT_EQ(epoch_order(many, 5, 1, 1), ascending(5));
}

TEST(Order, TextGoesThereAndBack) {
  for (const char* text : {"shuffled", "sequential", "shards:1", "shards:4", "shards:1000"})
    EXPECT_EQ(to_string(parse_order(text)), text);
  for (const char* text :
       {"", "Shuffled", "shards", "shards:", "shards:0", "shards:-1", "shards:4 ", "shards:+4",
        "shards:4x", "shards:99999999999999999999", "random"})
    EXPECT_EQ(error_of([&] { parse_order(text); }).first, Fault::usage) << text;
}

TEST(HoldOut, TakesTheSmallestKeysAndLeavesTheRest) {
  for (const Index size : {1, 2, 10, 257, 5000}) {
    for (const double fraction : {0.0, 0.1, 0.25, 0.499}) {
      const RandomStream stream{11, Purpose::validation, 0, 0};
      Samples keys = by_random_key(size, stream);
      const auto held = static_cast<Index>(fraction * static_cast<double>(size) + 0.5);
      Samples wanted(keys.begin(), keys.begin() + held);
      std::ranges::sort(wanted);
      const Split lists = hold_out(size, fraction, 11);
      EXPECT_EQ(lists.validation, wanted);
      EXPECT_TRUE(std::ranges::is_sorted(lists.train));
      Samples all;
      std::ranges::set_union(lists.train, lists.validation, std::back_inserter(all));
      EXPECT_EQ(all, ascending(size));
      EXPECT_EQ(lists.train.size() + lists.validation.size(), all.size());
    }
  }
}

TEST(HoldOut, DependsOnTheSeed) {
  EXPECT_NE(hold_out(1000, 0.1, 1).validation, hold_out(1000, 0.1, 2).validation);
}

TEST(HoldOut, TakesTheSamplesThatTheDataSetStates) {
  const Samples stated{1, 2, 7};
  const Split all = hold_out(9, stated, 0);
  EXPECT_EQ(all.validation, stated);
  EXPECT_EQ(all.train, (Samples{0, 3, 4, 5, 6, 8}));
  EXPECT_EQ(hold_out(9, stated, 100).train, all.train);
  const Split limited = hold_out(9, stated, 2);  // of those that train
  EXPECT_EQ(limited.validation, stated);
  EXPECT_EQ(limited.train, (Samples{0, 3}));
  for (const Samples& wrong : {Samples{2, 1}, Samples{1, 1}, Samples{9}, ascending(9)})
    EXPECT_EQ(error_of([&] { hold_out(9, wrong, 0); }).first, Fault::bad_data);
  EXPECT_EQ(validation_sha256({}), "");
  EXPECT_NE(validation_sha256(stated), validation_sha256(Samples{1, 2, 8}));
}

TEST(HoldOut, RefusesToLeaveNothing) {
  for (const double fraction : {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(error_of([&] { hold_out(10, fraction, 1); }).first, Fault::usage);
  EXPECT_EQ(error_of([] { hold_out(10, 0.99, 1); }).first, Fault::usage);
  EXPECT_TRUE(hold_out(0, 0.5, 1).train.empty());
}

}  // namespace
}  // namespace convoy
