// SPDX-License-Identifier: Apache-2.0
// The canonical tree: the same pairs are added for every distribution of contiguous grains.
#include "parallel/reduction_tree.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "parallel/step_metrics.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::tree {
namespace {

using Random = std::mt19937_64;

Index pick(Random& random, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(random);
}

// A range of `length` is cut at the largest power of two below it.
Index cut_of(Index length) {
  Index cut = 1;
  while (cut * 2 < length) cut *= 2;
  return cut;
}

// The definition at the head of reduction_tree.hpp, word for word.
template <class Value, class Grain, class Add>
Value value_of(Index begin, Index end, const Grain& grain, const Add& add) {
  if (end - begin == 1) return grain(begin);
  const Index middle = begin + cut_of(end - begin);
  return add(value_of<Value>(begin, middle, grain, add), value_of<Value>(middle, end, grain, add));
}

// A Counter with a value at each depth.
template <class Value, class Add>
struct Worker {
  Counter counter;
  Add add;
  std::vector<Value> values;
  std::size_t deepest = 0;

  Worker(Index grains, const Add& a) : counter(grains), add(a) {}
  void push(const Subtree& subtree, Value value) {
    values.push_back(value);
    deepest = std::max(deepest, values.size());
    counter.push(subtree, [&](Index depth) {
      ASSERT_EQ(static_cast<std::size_t>(depth) + 2, values.size());
      const auto left = static_cast<std::size_t>(depth);
      values[left] = add(values[left], values[left + 1]);
      values.pop_back();
    });
    ASSERT_EQ(values.size(), counter.subtrees().size());
    ASSERT_EQ(static_cast<Index>(values.size()), counter.depth());
  }
};

// Cuts of [0, n) into contiguous ranges, empty ones included, in order.
std::vector<Range> random_ranges(Random& random, Index n) {
  const Index workers = pick(random, 1, pick(random, 1, 2 * n + 3));
  std::vector<Index> cuts = {0, n};
  for (Index i = 1; i < workers; ++i) cuts.push_back(pick(random, 0, n));
  std::sort(cuts.begin(), cuts.end());
  std::vector<Range> ranges;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) ranges.push_back({cuts[i], cuts[i + 1]});
  return ranges;
}

// Each worker counts its grains; then one counter takes all subtrees of the workers, in order.
template <class Value, class Grain, class Add>
void sum_of_workers(Index n, const std::vector<Range>& ranges, const Grain& grain, const Add& add,
                    Value& result) {
  Worker<Value, Add> all(n, add);
  for (const Range& range : ranges) {
    Worker<Value, Add> worker(n, add);
    for (Index g = range.begin; g < range.end; ++g) worker.push({g, g + 1}, grain(g));
    ASSERT_LE(static_cast<Index>(worker.deepest), max_depth(range.size()));
    const std::span<const Subtree> subtrees = worker.counter.subtrees();
    for (std::size_t i = 0; i < subtrees.size(); ++i) all.push(subtrees[i], worker.values[i]);
  }
  ASSERT_EQ(all.counter.subtrees().size(), 1U);
  ASSERT_EQ(all.counter.subtrees()[0], (Subtree{0, n}));
  ASSERT_LE(static_cast<Index>(all.deepest), max_depth(n));
  result = all.values[0];
}

// A number for each distinct expression over the grains: equal numbers mean equal pairs.
struct Expressions {
  std::map<std::pair<Index, Index>, Index> known;
  Index of(Index left, Index right) {
    return known.try_emplace({left, right}, 1000 + static_cast<Index>(known.size())).first->second;
  }
};

TEST(Tree, PairsDoNotDependOnWhichDomainOwnsAGrain) {
  Random random(1);
  const int most = test::rounds(30);
  for (Index n = 1; n <= 300; ++n) {
    Expressions expressions;
    const auto grain = [](Index g) { return g; };
    const auto add = [&](Index a, Index b) { return expressions.of(a, b); };
    const Index expected = value_of<Index>(0, n, grain, add);
    for (int round = 0; round < most; ++round) {
      Index actual = -1;
      sum_of_workers(n, random_ranges(random, n), grain, add, actual);
      ASSERT_EQ(actual, expected) << n << " grains";
    }
  }
}

TEST(Tree, GivesTheBitsOfTheSerialSum) {
  Random random(2);
  const int most = test::rounds(10);
  for (Index n = 1; n <= 300; ++n) {
    std::vector<float> values;
    for (Index g = 0; g < n; ++g) {
      values.push_back(std::ldexp(static_cast<float>(pick(random, -1000, 1000)),
                                  static_cast<int>(pick(random, -20, 20))));
    }
    const auto grain = [&](Index g) { return values[static_cast<std::size_t>(g)]; };
    const auto add = [](float a, float b) { return a + b; };
    const float expected = value_of<float>(0, n, grain, add);
    for (int round = 0; round < most; ++round) {
      float actual = 0;
      sum_of_workers(n, random_ranges(random, n), grain, add, actual);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(actual), std::bit_cast<std::uint32_t>(expected)) << n;
    }
  }
}

TEST(Tree, IsOneOfManyThatAddFloatsDifferently) {
  // Guards the test above: a plain chain over these numbers has other bits.
  Random random(3);
  int different = 0;
  for (Index n = 10; n <= 300; n += 10) {
    float chain = 0;
    std::vector<float> values;
    for (Index g = 0; g < n; ++g) {
      values.push_back(std::ldexp(static_cast<float>(pick(random, -1000, 1000)),
                                  static_cast<int>(pick(random, -20, 20))));
      chain += values.back();
    }
    const float tree = value_of<float>(
        0, n, [&](Index g) { return values[static_cast<std::size_t>(g)]; },
        [](float a, float b) { return a + b; });
    different += tree != chain ? 1 : 0;
  }
  EXPECT_GT(different, 5);
}

// Two subtrees are siblings exactly where the definition adds them.
TEST(Tree, KnowsItsSiblings) {
  for (Index n = 1; n <= 70; ++n) {
    std::map<std::pair<Index, Index>, Index> middles;
    value_of<Range>(
        0, n,
        [](Index g) {
          return Range{g, g + 1};
        },
        [&](Range left, Range right) {
          middles[{left.begin, right.end}] = left.end;
          return Range{left.begin, right.end};
        });
    for (Index begin = 0; begin < n; ++begin) {
      for (Index middle = begin + 1; middle < n; ++middle) {
        for (Index end = middle + 1; end <= n; ++end) {
          const auto found = middles.find({begin, end});
          const bool expected = found != middles.end() && found->second == middle;
          ASSERT_EQ(are_siblings({begin, middle}, {middle, end}, n), expected)
              << n << ": " << begin << " " << middle << " " << end;
        }
      }
    }
  }
}

// The maximal subtrees of a range can be computed without pushing its grains.
TEST(Tree, CoversARangeWithWhatACounterHolds) {
  for (Index n = 1; n <= 70; ++n) {
    for (Index begin = 0; begin <= n; ++begin) {
      Counter counter(n);
      for (Index end = begin; end <= n; ++end) {
        if (end > begin) counter.push({end - 1, end}, [](Index) {});
        std::vector<Subtree> covered;
        cover({begin, end}, n, [&](const Subtree& subtree) { covered.push_back(subtree); });
        const std::vector<Subtree> held(counter.subtrees().begin(), counter.subtrees().end());
        ASSERT_EQ(covered, held) << n << ": " << begin << " to " << end;
      }
    }
  }
}

TEST(Tree, CountersAreCopiedAndStartedAnew) {
  const auto ignore = [](Index) {};
  Counter counter(13);
  for (Index g = 0; g < 6; ++g) counter.push({g, g + 1}, ignore);
  Counter copy = counter;
  for (Index g = 6; g < 13; ++g) copy.push({g, g + 1}, ignore);
  EXPECT_EQ(counter.depth(), 2);
  ASSERT_EQ(copy.depth(), 1);
  EXPECT_EQ(copy.subtrees()[0], (Subtree{0, 13}));
  counter = Counter(1);
  counter.push({0, 1}, ignore);
  ASSERT_EQ(counter.depth(), 1);
  EXPECT_EQ(counter.subtrees()[0], (Subtree{0, 1}));
}

TEST(StepMetrics, AddsItsNumbersAndGathersItsFlags) {
  StepMetrics left{1.5, 2, 4, StepMetrics::stop_requested};
  left.add({0.25, 1, 3, StepMetrics::not_finite});
  EXPECT_EQ(left.loss, 1.75);
  EXPECT_EQ(left.correct, 3);
  EXPECT_EQ(left.samples, 7);
  EXPECT_EQ(left.flags, std::uint32_t{StepMetrics::stop_requested | StepMetrics::not_finite});
}

// With groups, each has a tree of its own, and cover() knows what a counter holds.
TEST(ReductionTree, GroupsHaveTreesOfTheirOwn) {
  for (const Index group : {0, 1, 2, 4, 8, 32}) {
    for (Index n = 1; n <= 70; ++n) {
      for (Index begin = 0; begin < n; begin += 1 + n / 9) {
        for (Index end = begin; end <= n; end += 1 + n / 7) {
          GroupedCounter counter(n, group);
          std::vector<Subtree> held;
          Index deepest = 0;
          for (Index g = begin; g < end; ++g) {
            held.push_back({g, g + 1});
            deepest = std::max(deepest, static_cast<Index>(held.size()));
            counter.push({g, g + 1}, [&](Index i, const Subtree& left, const Subtree& right) {
              ASSERT_EQ(static_cast<std::size_t>(i) + 2, held.size());
              ASSERT_EQ(held[static_cast<std::size_t>(i)], left);
              ASSERT_EQ(held.back(), right);
              const Index size = group == 0 ? n : group, first = left.begin / size * size;
              ASSERT_TRUE(are_siblings({left.begin - first, left.end - first},
                                       {right.begin - first, right.end - first},
                                       std::min(size, n - first)));
              held.pop_back();
              held.back().end = right.end;
            });
            ASSERT_EQ(counter.depth(), static_cast<Index>(held.size()));
          }
          std::vector<Subtree> covered;
          cover({begin, end}, n, group, [&](const Subtree& s) { covered.push_back(s); });
          ASSERT_EQ(covered, held) << n << " grains in groups of " << group;
          ASSERT_LE(deepest, max_depth(end - begin, group));
          if (begin > 0 || end < n) continue;
          const Index groups = group == 0 ? 1 : (n + group - 1) / group;
          ASSERT_EQ(static_cast<Index>(held.size()), groups);
        }
      }
    }
  }
}

}  // namespace
}  // namespace convoy::tree
