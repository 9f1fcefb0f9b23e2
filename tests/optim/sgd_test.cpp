// SPDX-License-Identifier: Apache-2.0
// SGD against torch.optim.SGD's formulas, written as its documentation has them, in long double.
#include "optim/sgd.hpp"

#include <gtest/gtest.h>

#include "ops/reference/sgd.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

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
void follow_ten_steps(const Sgd& op, double tolerance, Random& random) {
  const Index size = 17, batch = random.pick(1, 64);
  const Real rate = static_cast<Real>(0.03125), scale = Real{1} / static_cast<Real>(batch);
  std::vector<Real> weights(17), next(17), velocity(17), next_velocity(17), gradient(17);
  std::vector<TextbookSgd> textbook;
  for (Real& weight : weights) {
    weight = static_cast<Real>(random.uniform(-1, 1));
    textbook.push_back({static_cast<long double>(op.momentum),
                        static_cast<long double>(op.weight_decay), static_cast<long double>(rate),
                        op.nesterov, static_cast<long double>(weight)});
  }
  for (int step = 0; step < 10; ++step) {
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] = static_cast<Real>(random.uniform(-5, 5));
      textbook[i].step(static_cast<long double>(gradient[i]) / static_cast<long double>(batch));
    }
    const bool moving = op.momentum != 0;
    ASSERT_TRUE(
        reference::update<Real>(op, {.size = size,
                                     .gradient_sum = gradient.data(),
                                     .weights = weights.data(),
                                     .new_weights = next.data(),
                                     .velocity = moving ? velocity.data() : nullptr,
                                     .new_velocity = moving ? next_velocity.data() : nullptr,
                                     .scale = scale,
                                     .rate = rate}));
    weights.swap(next);
    velocity.swap(next_velocity);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(weights[i]), static_cast<double>(textbook[i].weight),
                  tolerance)
          << "step " << step;
    }
  }
}

TEST(Sgd, FollowsTheTextbook) {
  Random random(20);
  for (const float momentum : {0.0F, 0.9F, 0.5F}) {
    for (const bool nesterov : {false, true}) {
      for (const float decay : {0.0F, 0.01F}) {
        for (int round = 0; round < 20; ++round) {
          const Sgd op{momentum, nesterov, decay};
          follow_ten_steps<double>(op, 1e-13, random);
          follow_ten_steps<float>(op, 1e-5, random);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// The update reports every infinite or NaN weight, at any position.
TEST(Sgd, TellsThatAWeightIsNotFinite) {
  const float bad[] = {std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN(), 3e38F};
  for (std::size_t at = 0; at < 40; ++at) {
    for (const float gradient : bad) {
      std::vector<float> sum(40, 1.0F), weights(40, 0.5F), next(40);
      UpdatePass<float> pass{.size = 40,
                             .gradient_sum = sum.data(),
                             .weights = weights.data(),
                             .new_weights = next.data(),
                             .scale = 1,
                             .rate = 2};
      EXPECT_TRUE(reference::update(Sgd{}, pass));
      sum[at] = gradient;
      EXPECT_FALSE(reference::update(Sgd{}, pass)) << gradient;
    }
  }
}

}  // namespace
}  // namespace convoy::test
