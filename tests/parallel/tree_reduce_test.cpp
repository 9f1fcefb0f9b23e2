// SPDX-License-Identifier: Apache-2.0
// The tree between memory domains: for any domains and any distribution of grains, the sum has the
// bits that one domain computes.
#include "parallel/tree_reduce.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "tests/ops/rounds.hpp"
#include "tests/parallel/thread_communicator.hpp"

namespace convoy {
namespace {

using Random = std::mt19937_64;
using Floats = std::vector<float>;

Index pick(Random& random, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(random);
}

void add(Index size, float* into, const float* from) {
  for (Index i = 0; i < size; ++i) into[i] += from[i];
}

// The operation also distinguishes left from right.
void fold(Index size, float* into, const float* from) {
  for (Index i = 0; i < size; ++i) into[i] = 0.75F * into[i] - 0.5F * from[i];
}

// The values of the grains of a step, and their distribution.
struct Step {
  Index grains;
  std::vector<Range> domain_grains;
  std::vector<Floats> gradients;
  std::vector<StepMetrics> partial_metrics;
  std::vector<std::uint32_t> flags;  // of memory domains
};

// Numbers whose sum depends on the order: large ones that cancel, and small ones.
float cancelling(Random& random) {
  return std::ldexp(static_cast<float>(pick(random, -1000, 1000)),
                    static_cast<int>(pick(random, -20, 20)));
}

std::vector<Range> random_ranges(Random& random, Index n, Index domains) {
  std::vector<Index> cuts = {0, n};
  for (Index i = 1; i < domains; ++i) cuts.push_back(pick(random, 0, n));
  std::sort(cuts.begin(), cuts.end());
  std::vector<Range> ranges;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) ranges.push_back({cuts[i], cuts[i + 1]});
  return ranges;
}

Step random_step(Random& random, Index grains, Index domains, Index arena, bool even) {
  Step step;
  step.grains = grains;
  if (even) {
    for (Index k = 0; k < domains; ++k) step.domain_grains.push_back(split(grains, domains, k));
  } else {
    step.domain_grains = random_ranges(random, grains, domains);
  }
  for (Index g = 0; g < grains; ++g) {
    Floats& gradient = step.gradients.emplace_back();
    for (Index i = 0; i < arena; ++i) gradient.push_back(cancelling(random));
    step.partial_metrics.push_back({cancelling(random) / 3.0, pick(random, 0, 4),
                                    pick(random, 1, 4),
                                    pick(random, 0, 30) == 0 ? StepMetrics::not_finite : 0u});
  }
  for (Index k = 0; k < domains; ++k) {
    step.flags.push_back(pick(random, 0, 30) == 0 ? StepMetrics::stop_requested : 0u);
  }
  return step;
}

struct Sum {
  Floats gradient;
  StepMetrics metrics;
};

Index cut_of(Index length) {
  Index cut = 1;
  while (cut * 2 < length) cut *= 2;
  return cut;
}

// The definition at the head of reduction_tree.hpp. The cut of a subtree is a parameter, so that a
// test can plant mistakes.
Sum naive(const Step& step, tree::Subtree subtree, TreeReduce::Add combine,
          Index (*cut)(Index) = cut_of) {
  if (subtree.size() == 1) {
    const auto g = static_cast<std::size_t>(subtree.begin);
    return {step.gradients[g], step.partial_metrics[g]};
  }
  const Index middle = subtree.begin + cut(subtree.size());
  Sum left = naive(step, {subtree.begin, middle}, combine, cut);
  const Sum right = naive(step, {middle, subtree.end}, combine, cut);
  combine(static_cast<Index>(left.gradient.size()), left.gradient.data(), right.gradient.data());
  left.metrics.add(right.metrics);
  return left;
}

bool same_bits(const Floats& a, const Floats& b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

// A memory domain's part of a step: its subtrees in the engine's form.
Sum finish_on(Communicator& communicator, TreeReduce& reduce, const Step& step, Index arena,
              TreeReduce::Add combine, bool root_is_a_piece) {
  const auto k = static_cast<std::size_t>(domain_index(communicator));
  std::vector<tree::Subtree> subtrees;
  tree::cover(step.domain_grains[k], step.grains,
              [&](tree::Subtree subtree) { subtrees.push_back(subtree); });
  std::vector<Sum> sums;
  for (const tree::Subtree& subtree : subtrees) sums.push_back(naive(step, subtree, combine));
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < subtrees.size(); ++i) {
    pieces.push_back({subtrees[i], sums[i].gradient.data(), &sums[i].metrics});
  }
  Floats memory(static_cast<std::size_t>(arena), 7.0F);
  const bool in_place = root_is_a_piece && !pieces.empty();
  float* root = in_place ? pieces.back().gradient : memory.data();
  const StepMetrics total =
      reduce.finish(step.grains, step.domain_grains, pieces, step.flags[k], root);
  return {{root, root + arena}, total};
}

// Does several steps of one reduction; every memory domain has to get the sum of the definition.
void check_job(Random& random, Index domains, Reduction reduction, int steps) {
  const Index arena = pick(random, 0, 3) == 0 ? 0 : pick(random, 0, 200);
  const TreeReduce::Add combine = pick(random, 0, 1) == 0 ? add : fold;
  std::vector<Step> all;
  std::vector<Sum> expected;
  for (int i = 0; i < steps; ++i) {
    // Often a multiple of the number of memory domains, so that subtrees are equal.
    const bool even = pick(random, 0, 1) == 0;
    const Index grains = even && pick(random, 0, 1) == 0
                             ? domains * (Index{1} << pick(random, 0, 2))
                             : pick(random, 1, 100);
    all.push_back(random_step(random, grains, domains, arena, even));
    expected.push_back(naive(all.back(), {0, grains}, combine));
    for (const std::uint32_t flags : all.back().flags) expected.back().metrics.flags |= flags;
  }
  std::vector<int> domain_sizes;
  for (Index k = 0; k < domains; ++k) domain_sizes.push_back(static_cast<int>(pick(random, 1, 2)));
  const bool root_is_a_piece = pick(random, 0, 1) == 0;
  test::run_ranks(domain_sizes, [&](Communicator& communicator) {
    if (!leads_domain(communicator)) return;
    TreeReduce reduce(communicator, reduction, arena, 16, combine);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Sum sum = finish_on(communicator, reduce, all[i], arena, combine, root_is_a_piece);
      ASSERT_TRUE(same_bits(sum.gradient, expected[i].gradient))
          << domains << " memory domains, " << all[i].grains << " grains, arena " << arena;
      EXPECT_EQ(std::bit_cast<std::uint64_t>(sum.metrics.loss),
                std::bit_cast<std::uint64_t>(expected[i].metrics.loss));
      EXPECT_EQ(sum.metrics.correct, expected[i].metrics.correct);
      EXPECT_EQ(sum.metrics.samples, expected[i].metrics.samples);
      EXPECT_EQ(sum.metrics.flags, expected[i].metrics.flags);
    }
  });
}

class TreeReduceOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Domains, TreeReduceOf, testing::Range(1, 18));

TEST_P(TreeReduceOf, HasTheBitsOfOneDomain) {
  Random random(static_cast<std::uint64_t>(GetParam()));
  for (int job = 0; job < test::rounds(24); ++job) {
    check_job(random, GetParam(), job % 4 == 0 ? Reduction::root : Reduction::tree, 4);
    if (HasFatalFailure()) return;
  }
}

TEST_P(TreeReduceOf, FastCountsExactlyAndIsNear) {
  Random random(static_cast<std::uint64_t>(100 + GetParam()));
  const Index domains = GetParam();
  for (int job = 0; job < test::rounds(12); ++job) {
    const Index arena = pick(random, 0, 50);
    const Step step = random_step(random, pick(random, 1, 60), domains, arena, job % 2 == 0);
    Sum expected = naive(step, {0, step.grains}, add);
    for (const std::uint32_t flags : step.flags) expected.metrics.flags |= flags;
    Floats magnitude(static_cast<std::size_t>(arena));
    double losses = 0;
    for (std::size_t g = 0; g < step.gradients.size(); ++g) {
      losses += std::abs(step.partial_metrics[g].loss);
      for (std::size_t i = 0; i < magnitude.size(); ++i) {
        magnitude[i] += std::abs(step.gradients[g][i]);
      }
    }
    test::run_ranks(
        std::vector<int>(static_cast<std::size_t>(domains), 1), [&](Communicator& communicator) {
          TreeReduce reduce(communicator, Reduction::fast, arena, 16, add);
          const Sum sum = finish_on(communicator, reduce, step, arena, add, job % 3 == 0);
          for (std::size_t i = 0; i < magnitude.size(); ++i) {
            EXPECT_NEAR(sum.gradient[i], expected.gradient[i], 1e-5 * magnitude[i]);
          }
          EXPECT_NEAR(sum.metrics.loss, expected.metrics.loss, 1e-12 * losses);
          EXPECT_EQ(sum.metrics.correct, expected.metrics.correct);
          EXPECT_EQ(sum.metrics.samples, expected.metrics.samples);
          EXPECT_EQ(sum.metrics.flags, expected.metrics.flags);
        });
  }
}

// Guards the tests above: sums in another order do have other bits.
TEST(TreeReduce, IsTestedWithNumbersWhoseOrderMatters) {
  Random random(1);
  int chains = 0, halves = 0, swapped = 0;
  constexpr int kSteps = 40;
  for (int i = 0; i < kSteps; ++i) {
    const Step step = random_step(random, pick(random, 5, 100), 1, 20, true);
    const Range all{0, step.grains};
    const Sum right = naive(step, all, add);
    const Sum chain = naive(step, all, add, [](Index length) { return length - 1; });
    const Sum half = naive(step, all, add, [](Index length) { return length / 2; });
    chains += same_bits(right.gradient, chain.gradient) ? 0 : 1;
    halves += same_bits(right.gradient, half.gradient) ? 0 : 1;
    const auto fold_left = [](Index size, float* into, const float* from) {
      for (Index k = 0; k < size; ++k) into[k] = 0.75F * from[k] - 0.5F * into[k];
    };
    swapped +=
        same_bits(naive(step, all, fold).gradient, naive(step, all, fold_left).gradient) ? 0 : 1;
  }
  EXPECT_GT(chains, kSteps * 8 / 10);
  EXPECT_GT(halves, kSteps * 8 / 10);
  EXPECT_EQ(swapped, kSteps);
}

// Flags of memory domains that have no grains, and of a step without any grains.
TEST(TreeReduce, KeepsTheFlagsOfDomainsWithoutGrains) {
  for (const Reduction reduction : {Reduction::tree, Reduction::root, Reduction::fast}) {
    for (const Index arena : {0, 5, 40}) {
      for (const Index grains : {0, 1, 2}) {
        test::run_ranks({1, 1, 1, 1}, [&](Communicator& communicator) {
          TreeReduce reduce(communicator, reduction, arena, 4, add);
          Random random(3);
          Step step = random_step(random, grains, 4, arena, true);
          step.flags = {0, 0, 0, StepMetrics::stop_requested};
          const Sum sum = finish_on(communicator, reduce, step, arena, add, false);
          EXPECT_NE(sum.metrics.flags & StepMetrics::stop_requested, 0u);
          const Sum expected = grains > 0 ? naive(step, {0, grains}, add)
                                          : Sum{Floats(static_cast<std::size_t>(arena)), {}};
          EXPECT_EQ(sum.metrics.samples, expected.metrics.samples);
          EXPECT_EQ(sum.gradient, expected.gradient);
        });
      }
    }
  }
}

// Counts what a rank sends.
class Counting final : public Communicator {
 public:
  explicit Counting(Communicator& inner) : inner_(inner) {}
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  std::span<const Range> domains() const override { return inner_.domains(); }
  Range host() const override { return inner_.host(); }
  std::shared_ptr<std::byte[]> allocate(Index size) override { return inner_.allocate(size); }
  void barrier(SyncPoint sync_point) override { inner_.barrier(sync_point); }
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                SyncPoint sync_point) override {
    for (const Outgoing& message : out) bytes += static_cast<Index>(message.bytes.size());
    messages += static_cast<Index>(out.size());
    ++exchanges;
    inner_.exchange(out, in, sync_point);
  }
  void sum(std::span<float> values) override { inner_.sum(values); }
  void sum(std::span<double> values) override { inner_.sum(values); }
  void publish(Activity activity, std::int64_t step) noexcept override {
    inner_.publish(activity, step);
  }
  void heartbeat() noexcept override { inner_.heartbeat(); }
  void fail(std::string_view reason) noexcept override { inner_.fail(reason); }

  Index bytes = 0, messages = 0, exchanges = 0;

 private:
  Communicator& inner_;
};

// The numbers of messages and bytes that tree_reduce.hpp states.
TEST(TreeReduce, SendsWhatItsHeaderSays) {
  constexpr Index kArena = 16 * 3 * 4 * 10;
  struct Case {
    Index domains, grains, arena;
    Reduction reduction;
    Index exchanges, messages, bytes;  // of the last memory domain
  };
  const std::vector<Case> cases = {
      {1, 8, kArena, Reduction::tree, 0, 0, 0},
      {4, 8, kArena, Reduction::tree, 4, 4, 2 * 3 * kArena + 2 * 64},  // halving
      {4, 7, kArena, Reduction::tree, 4, 4,
       2 * 3 * kArena + 2 * 64},  // the last memory domain is shorter
      {3, 12, kArena, Reduction::tree, 2, 4, 2 * 2 * kArena * 4 / 3 + 2 * 64},  // slices
      {4, 3, kArena, Reduction::tree, 2, 6, 3 * kArena + 3 * 64},  // no grains, one slice
      {4, 8, kArena, Reduction::root, 2, 1, 4 * kArena + 64},
      {4, 8, 0, Reduction::tree, 2, 2, 2 * 64},
      {3, 12, 0, Reduction::tree, 2, 1, 64},
  };
  for (const Case& c : cases) {
    test::run_ranks(std::vector<int>(static_cast<std::size_t>(c.domains), 1),
                    [&](Communicator& communicator) {
                      Counting counting(communicator);
                      TreeReduce reduce(counting, c.reduction, c.arena, 4, add);
                      Random random(4);
                      const Step step = random_step(random, c.grains, c.domains, c.arena, true);
                      finish_on(counting, reduce, step, c.arena, add, false);
                      if (communicator.rank() + 1 < c.domains) return;
                      EXPECT_EQ(counting.exchanges, c.exchanges) << c.domains << " " << c.grains;
                      EXPECT_EQ(counting.messages, c.messages) << c.domains << " " << c.grains;
                      EXPECT_EQ(counting.bytes, c.bytes) << c.domains << " " << c.grains;
                    });
  }
}

}  // namespace
}  // namespace convoy
