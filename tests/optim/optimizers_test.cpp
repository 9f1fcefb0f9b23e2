// SPDX-License-Identifier: Apache-2.0
// The optimizers without PyTorch (goldens_test.cpp compares with it): SGD against the formulas of
// torch.optim.SGD's documentation in long double, and for all of them that every backend gives the
// bits of the reference over many steps and tells of weights that are not finite.
#include <gtest/gtest.h>

#include <limits>

#include "ops/backend.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/optim/optimizer_run.hpp"
#include "tests/optim/random_optimizer.hpp"

namespace convoy::test {
namespace {

struct TextbookSgd {
  long double momentum, weight_decay, rate;
  bool nesterov;
  long double weight, buffer = 0;
  bool first = true;

  void step(long double gradient) {
    long double g = gradient;
    if (weight_decay != 0) g = g + weight_decay * weight;
    if (momentum != 0) {
      buffer = first ? g : momentum * buffer + g;  // dampening 0
      g = nesterov ? g + momentum * buffer : buffer;
    }
    weight = weight - rate * g;
    first = false;
  }
};

template <class Real>
std::vector<Real> uniform(Random& random, std::size_t size, double most) {
  std::vector<Real> values(size);
  for (Real& value : values) value = static_cast<Real>(random.uniform(-most, most));
  return values;
}

template <class Real>
void follow_ten_steps(const Sgd& op, double tolerance, Random& random) {
  const Index batch = random.pick(1, 64);
  OptimizerRun<Real> run(op, uniform<Real>(random, 17, 1));
  std::vector<TextbookSgd> textbook;
  for (const Real weight : run.weights) {
    textbook.push_back({static_cast<long double>(op.momentum),
                        static_cast<long double>(op.weight_decay),
                        static_cast<long double>(op.learning_rate), op.nesterov,
                        static_cast<long double>(weight)});
  }
  for (int step = 0; step < 10; ++step) {
    const std::vector<Real> sum = uniform<Real>(random, 17, 5);
    ASSERT_TRUE(run.step(sum, Real{1} / static_cast<Real>(batch)));
    for (std::size_t i = 0; i < sum.size(); ++i) {
      textbook[i].step(static_cast<long double>(sum[i]) / static_cast<long double>(batch));
      ASSERT_NEAR(static_cast<double>(run.weights[i]), static_cast<double>(textbook[i].weight),
                  tolerance)
          << "step " << step;
    }
  }
}

TEST(Optimizers, SgdFollowsTheTextbook) {
  Random random(20);
  for (const double momentum : {0.0, 0.9, 0.5}) {
    for (const bool nesterov : {false, true}) {
      for (const double decay : {0.0, 0.01}) {
        for (int round = 0; round < 20; ++round) {
          const Sgd op{0x1p-5, momentum, nesterov, decay};
          follow_ten_steps<double>(op, 1e-13, random);
          follow_ten_steps<float>(op, 1e-5, random);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// 20 steps, in which the slots come from the steps before.
TEST(Optimizers, GiveTheSameBitsOnEveryBackendOverManySteps) {
  Random random(21);
  for (int round = 0; round < rounds(200); ++round) {
    const Optimizer optimizer = random_optimizer(random);
    const auto size = static_cast<std::size_t>(random.pick(1, 70));
    const OptimizerRun<float> start(optimizer, uniform<float>(random, size, 1));
    std::vector<std::vector<float>> sums(20, std::vector<float>(size));
    for (std::vector<float>& sum : sums) {
      for (float& g : sum) g = random_float(random, Values::wide);
    }
    OptimizerRun<float> expected = start;
    for (const std::vector<float>& sum : sums) expected.step(sum, 0.125F);
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("{}, {}", describe(optimizer), backend->name));
      OptimizerRun<float> actual = start;
      for (const std::vector<float>& sum : sums) actual.step(sum, 0.125F, backend->update);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_TRUE(same_bits(expected.weights[i], actual.weights[i])) << "weight " << i;
        for (std::size_t s = 0; s < slots_of(optimizer).size(); ++s) {
          ASSERT_TRUE(same_bits(expected.slots[s][i], actual.slots[s][i]))
              << slots_of(optimizer)[s] << "[" << i << "]";
        }
      }
    }
  }
}

// An update reports every infinite or NaN weight, at any position.
TEST(Optimizers, TellThatAWeightIsNotFinite) {
  using Limits = std::numeric_limits<float>;
  const std::vector<float> bad = {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()};
  const std::vector<float> start(40, 0.5F), ones(40, 1.0F);
  std::vector<Optimizer> optimizers = {Sgd{.momentum = 0.9},
                                       RmsProp{.momentum = 0.9, .centered = true}};
  for (const NamedOptimizer& known : kOptimizers) optimizers.push_back(known.defaults);
  for (const Optimizer& optimizer : optimizers) {
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("{}, {}", describe(optimizer), backend->name));
      EXPECT_TRUE(OptimizerRun<float>(optimizer, start).step(ones, 1, backend->update));
      for (std::size_t at = 0; at < start.size(); ++at) {
        for (const float value : bad) {
          std::vector<float> sum = ones, weights = start;
          sum[at] = value;
          EXPECT_FALSE(OptimizerRun<float>(optimizer, start).step(sum, 1, backend->update))
              << "gradient " << at << ": " << value;
          weights[at] = value;
          EXPECT_FALSE(OptimizerRun<float>(optimizer, weights).step(ones, 1, backend->update))
              << "weight " << at << ": " << value;
        }
      }
    }
  }
}

// The mean of the squares overflows, while gradient and weight are finite: the weight would never
// change again.
TEST(Optimizers, TellThatASlotOverflows) {
  const std::vector<float> start(40, 0.5F), ones(40, 1.0F);
  for (const Optimizer& optimizer : {Optimizer(Adam{}), Optimizer(RmsProp{})}) {
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("{}, {}", describe(optimizer), backend->name));
      for (std::size_t at = 0; at < start.size(); ++at) {
        std::vector<float> sum = ones;
        sum[at] = 1e30F;
        OptimizerRun<float> run(optimizer, start);
        EXPECT_FALSE(run.step(sum, 1, backend->update)) << "gradient " << at;
        EXPECT_TRUE(std::isfinite(run.weights[at]));
      }
    }
  }
}

// A finite gradient, too, can make a weight infinite.
TEST(Optimizers, SgdTellsThatAWeightOverflows) {
  const std::vector<float> start(40, 0.5F);
  for (const Backend* backend : backends()) {
    for (std::size_t at = 0; at < start.size(); ++at) {
      std::vector<float> sum(40, 1.0F);
      sum[at] = 3e38F;
      const Sgd op{.learning_rate = 2};
      EXPECT_FALSE(OptimizerRun<float>(op, start).step(sum, 1, backend->update)) << backend->name;
    }
  }
}

}  // namespace
}  // namespace convoy::test
