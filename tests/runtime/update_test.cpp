// SPDX-License-Identifier: Apache-2.0
// What clipping, LARS and Muon do to the weights of a net in one step of an engine.
// (digest_test.cpp shows that all engines do the same.)
#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/runs.hpp"

namespace convoy::test {
namespace {

constexpr Sizes kSizes{40, 20, 4};

// The arena before and after the first step.
struct Step {
  Buffer<float> before, after;
  Outcome outcome;

  double change(Index i) const {
    return static_cast<double>(after[i]) - static_cast<double>(before[i]);
  }
};

Step first_step(const Problem& problem, const RunLayout& layout = {}) {
  Machine machine(problem, kSizes, layout);
  const ModelState start = initial_state(problem);
  machine.engine->set_state(start);
  const auto result =
      run_steps(*machine.engine, problem, data_for(problem, kSizes.samples), kSizes.batch, {0, 1});
  Step step{Buffer<float>(start.parameters.size()), std::move(machine.engine->state().parameters),
            result.outcome};
  std::ranges::copy(start.parameters.span(), step.before.data());
  return step;
}

double norm_of_change(const Step& step, const ParameterTensor& tensor) {
  double squares = 0;
  for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
    squares += step.change(i) * step.change(i);
  }
  return std::sqrt(squares);
}

double norm_of_change(const Step& step, const Net& net) {
  double squares = 0;
  for (const ParameterTensor& tensor : net.parameter_tensors()) {
    squares += std::pow(norm_of_change(step, tensor), 2);
  }
  return std::sqrt(squares);
}

// A step of plain SGD is the gradient times the rate.
Problem plain(std::optional<double> clip_norm, std::vector<OptimizerGroup> groups = {}) {
  Problem problem = test::problem("branches");
  problem.optimizer = Sgd{};
  problem.rate = 0.25F;
  problem.clip_norm = clip_norm;
  problem.groups = std::move(groups);
  return problem;
}

TEST(Clipping, GivesTheGradientOfAllTensorsTheNorm) {
  const Problem free = plain({});
  const double norm = norm_of_change(first_step(free), free.net) / 0.25;
  ASSERT_GT(norm, 0.01);
  for (const double part : {0.9, 0.5, 0.01}) {
    const Step step = first_step(plain(part * norm));
    EXPECT_NEAR(norm_of_change(step, free.net) / 0.25, part * norm, 1e-4 * norm) << part;
  }
}

TEST(Clipping, ChangesNothingWhereTheNormIsSmaller) {
  const Step free = first_step(plain({})), clipped = first_step(plain(1000));
  EXPECT_TRUE(std::ranges::equal(free.after.span(), clipped.after.span()));
}

TEST(Clipping, LeavesFrozenTensorsOutOfTheNorm) {
  const std::vector<OptimizerGroup> groups = {{.match = "conv*", .frozen = true}};
  const Problem free = plain({}, groups);
  const double norm = norm_of_change(first_step(free), free.net) / 0.25;
  const double all = norm_of_change(first_step(plain({})), free.net) / 0.25;
  ASSERT_LT(norm, 0.99 * all);  // so the limit would have an effect if they took part
  const Step step = first_step(plain((norm + all) / 2, groups)), unlimited = first_step(free);
  EXPECT_TRUE(std::ranges::equal(step.after.span(), unlimited.after.span()));
}

TEST(Clipping, AGradientThatIsNotFiniteEndsTheStep) {
  Problem problem = plain(0.5);
  problem.net = Net("huge", {8, 8, 2}, {1e36, {}, {}},
                    std::vector<Layer>(test::problem("branches").net.layers()),
                    LossFunction::softmax_cross_entropy);
  const Step step = first_step(problem);
  EXPECT_EQ(step.outcome, Outcome::not_finite);
  EXPECT_TRUE(std::ranges::equal(step.before.span(), step.after.span()));
}

// Without weight decay the change of a tensor is trust_coefficient times its norm, times the rate.
TEST(LarsUpdate, ChangesATensorInProportionToItsNorm) {
  Problem problem = test::problem("branches");
  problem.optimizer = Lars{.weight_decay = 0, .trust_coefficient = 0.01};
  problem.rate = 0.5F;
  const Step step = first_step(problem);
  int checked = 0;
  for (const ParameterTensor& tensor : problem.net.parameter_tensors()) {
    double squares = 0;
    for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      squares += std::pow(static_cast<double>(step.before[i]), 2);
    }
    if (squares == 0) continue;
    EXPECT_NEAR(norm_of_change(step, tensor), 0.5 * 0.01 * std::sqrt(squares),
                1e-4 * std::sqrt(squares))
        << tensor.name;
    ++checked;
  }
  EXPECT_GE(checked, 4);
}

// The change of a matrix has singular values near 1, times the rate and the ratio of its sides: the
// iterations leave them between 0.6 and 1.3.
TEST(MuonUpdate, ChangesAMatrixByANearlyOrthogonalOne) {
  Problem problem = test::problem("dense");
  problem.optimizer = Muon{.weight_decay = 0};
  problem.rate = 0.125F;
  const Step step = first_step(problem);
  for (const ParameterBlock& block : problem.net.parameter_blocks()) {
    const auto taps = static_cast<double>(block.shape.taps);
    const auto columns = static_cast<double>(block.shape.columns);
    double squares = 0;
    for (Index i = block.offset; i < block.offset + block.shape.weights(); ++i) {
      squares += std::pow(step.change(i), 2);
    }
    const double ratio = 0.125 * std::sqrt(std::max(1.0, columns / taps));
    const double mean_square = squares / (ratio * ratio * std::min(taps, columns));
    EXPECT_GT(mean_square, 0.3) << block.layer;  // a gradient of low rank has fewer
    EXPECT_LT(mean_square, 1.4) << block.layer;
  }
}

}  // namespace
}  // namespace convoy::test
