// SPDX-License-Identifier: Apache-2.0
// The contract on many ranks (threads of this process; the tests MpiDigest.* have processes): the
// bits depend neither on the number of ranks, nor on their memory domains, nor on how work is
// divided among them, nor on the way of summing.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <mutex>
#include <numeric>
#include <set>

#include "base/check.hpp"
#include "optim/optimizer.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/parallel/thread_communicator.hpp"
#include "tests/runtime/runs.hpp"

namespace convoy::test {
namespace {

// Memory domains of one rank each exchange messages; one memory domain shares memory.
std::vector<int> domains_of(int ranks, bool window) {
  return window ? std::vector<int>{ranks} : std::vector<int>(static_cast<std::size_t>(ranks), 1);
}

constexpr Sizes kOdd{83, 24, 3};

class RanksDigest : public testing::TestWithParam<std::string> {
 protected:
  const Problem& problem_ = problem(GetParam());
  const Sizes odd_ = fitting(problem_, kOdd);
};

TEST_P(RanksDigest, IsOneForAllRanksCutsAndWaysOfSumming) {
  const std::string wanted = train(problem_, odd_, RunLayout{});
  for (const int ranks : {2, 3, 4, 5, 8}) {
    for (const bool window : {true, false}) {
      for (const int threads : {1, 2}) {
        for (const Parallelism ranks_by : {Parallelism::data, Parallelism::tensor}) {
          for (const Parallelism threads_by : {Parallelism::data, Parallelism::tensor}) {
            for (const Reduction reduction : {Reduction::tree, Reduction::root}) {
              if (ranks_by == Parallelism::tensor && reduction == Reduction::root) continue;
              const RunLayout layout{threads,  threads_by, "auto", domains_of(ranks, window),
                                     ranks_by, reduction};
              ASSERT_EQ(train(problem_, odd_, layout), wanted) << describe(layout);
            }
          }
        }
      }
    }
  }
}

TEST_P(RanksDigest, IsOneForDomainsOfAnyShapeAndOddSizes) {
  Random random(14);
  for (const Sizes given : {
           Sizes{41, 16, 1},  // more grains than ranks
           Sizes{13, 1, 4},   // one grain: most ranks have none
           Sizes{19, 64, 4},  // a batch larger than the data
           Sizes{33, 32, 4},  // a last batch of one
           Sizes{64, 32, 4},  // equal aligned subtrees for 2, 4 and 8 ranks
           Sizes{1, 1, 1},
       }) {
    const Sizes sizes = fitting(problem_, given);
    const std::string wanted = train(problem_, sizes, RunLayout{}, {2, false});
    for (int round = 0; round < rounds(6); ++round) {
      const RunLayout layout = random_layout_of_ranks(random);
      const auto cuts = static_cast<std::uint64_t>(random.pick(1, 1000));
      ASSERT_EQ(train(problem_, sizes, layout, {2, false}, cuts), wanted)
          << fmt::format("{} samples, batch {}, grain {}: {}", sizes.samples, sizes.batch,
                         sizes.grain, describe(layout));
    }
  }
}

// Each stop is requested on a random rank, and the run continues with other numbers of ranks.
TEST_P(RanksDigest, IsThatOfTheRunThatWasNeverStopped) {
  Random random(15);
  for (int round = 0; round < rounds(4); ++round) {
    const Sizes sizes =
        fitting(problem_, {random.pick(20, 60), random.pick(1, 12), random.pick(1, 5)});
    const std::string wanted = train(problem_, sizes, RunLayout{}, {2, false});
    std::string layouts;
    const std::string got = train(problem_, sizes, {2, true}, random, [&] {
      const RunLayout layout = random_layout_of_ranks(random);
      layouts += "\n" + describe(layout);
      return layout;
    });
    ASSERT_EQ(got, wanted) << fmt::format("{} samples, batch {}, grain {}:{}", sizes.samples,
                                          sizes.batch, sizes.grain, layouts);
  }
}

TEST_P(RanksDigest, AnEvaluationIsTheSameOnEveryRank) {
  Random random(16);
  const Dataset data = data_for(problem_, 57);
  for (const Index count : {0, 1, 5, 57}) {
    std::vector<std::uint32_t> samples(static_cast<std::size_t>(count));
    std::iota(samples.begin(), samples.end(), 0U);
    Machine single(problem_, odd_, {});
    single.engine->set_state(initial_state(problem_));
    const std::string wanted = bits_of(single.engine->evaluate(data, samples, true));
    for (int round = 0; round < rounds(8); ++round) {
      const RunLayout layout = random_layout_of_ranks(random);
      std::mutex mutex;
      std::set<std::string> got;
      run_ranks(layout.domains, [&](Communicator& communicator) {
        Machine machine(problem_, odd_, layout, communicator);
        machine.engine->set_state(initial_state(problem_));
        const std::string bits = bits_of(machine.engine->evaluate(data, samples, true));
        const std::lock_guard lock(mutex);
        got.insert(bits);
      });
      ASSERT_EQ(got, std::set<std::string>{wanted}) << describe(layout);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, RanksDigest, testing::ValuesIn(problem_names()),
                         [](const auto& one) { return one.param; });

// The net with everything, with each optimizer: also on other instruction sets, and continued on
// other layouts.
TEST(RanksDigestOf, TheNetWithEverythingIsOneWithEachOptimizer) {
  Random random(17);
  for (const NamedOptimizer& known : kOptimizers) {
    Problem everything = test::problem("everything");
    everything.optimizer = known.defaults;
    const Sizes sizes = fitting(everything, {41, 16, 4});
    const std::string wanted = train(everything, sizes, RunLayout{});
    for (const std::string& isa : available_isas()) {
      EXPECT_EQ(train(everything, sizes, {2, Parallelism::data, isa}), wanted) << known.name;
    }
    for (const int ranks : {1, 2, 3, 4}) {
      for (const int threads : {1, 2}) {
        for (const Parallelism ranks_by : {Parallelism::data, Parallelism::tensor}) {
          for (const bool window : {true, false}) {
            const RunLayout layout{threads, ranks_by, "auto", domains_of(ranks, window), ranks_by};
            EXPECT_EQ(train(everything, sizes, layout), wanted)
                << known.name << ": " << describe(layout);
          }
        }
      }
    }
    const std::string continued =
        train(everything, sizes, {2, true}, random, [&] { return random_layout_of_ranks(random); });
    EXPECT_EQ(continued, train(everything, sizes, RunLayout{}, {2, false})) << known.name;
  }
}

// With the contract off the sums are the message library's; the counts are exact.
TEST(RanksFast, ComesNearTheTree) {
  const Problem& problem = test::problem("strided");
  const std::string tree = train(problem, kOdd, RunLayout{});
  for (const int ranks : {1, 2, 3, 8}) {
    const RunLayout layout{
        1, Parallelism::data, "auto", domains_of(ranks, false), Parallelism::data, Reduction::fast};
    const std::string fast = train(problem, kOdd, layout);
    const auto correct = [](const std::string& text) { return text.substr(text.rfind(' ')); };
    EXPECT_EQ(correct(fast), correct(tree)) << ranks << " ranks";
  }
}

TEST(RanksOptions, WhatCannotGoTogetherIsRefused) {
  const Problem& problem = test::problem("dense");
  const auto refused = [&](std::vector<int> domains, Parallelism ranks_by, Reduction reduction) {
    const RunLayout layout{1, Parallelism::data, "auto", domains, ranks_by, reduction};
    EXPECT_THROW(run_ranks(domains,
                           [&](Communicator& communicator) {
                             Machine machine(problem, kOdd, layout, communicator);
                           }),
                 UserError)
        << describe(layout);
  };
  refused({2, 2}, Parallelism::tensor, Reduction::tree);
  refused({2}, Parallelism::tensor, Reduction::root);
  refused({2}, Parallelism::data, Reduction::fast);
}

}  // namespace
}  // namespace convoy::test
