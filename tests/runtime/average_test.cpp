// SPDX-License-Identifier: Apache-2.0
// The average of the weights in an engine. (Its bits on all layouts: digest_test.cpp, with the
// problems "ema" and "lookahead".)
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/engine.hpp"
#include "tests/runtime/evaluated_copy.hpp"
#include "tests/runtime/runs.hpp"
#include "train/checkpoint.hpp"

namespace convoy::test {
namespace {

const std::vector<RunLayout> kLayouts{{1, Parallelism::data, "auto"},
                                      {4, Parallelism::data, "auto"},
                                      {3, Parallelism::tensor, "auto"}};
constexpr Sizes kSizes{64, 16, 2};

TEST(EngineAverage, AnAverageBeginsAsTheWeights) {
  const Problem& problem = test::problem("lookahead");
  const ModelState initial = initial_state(problem);
  Machine machine(problem, kSizes, {});
  machine.engine->set_state(initial);
  const ModelState state = machine.engine->state();
  ASSERT_EQ(state.slots.size(), 2u);
  EXPECT_EQ(weights_sha256(problem.net, {initial_parameters(problem.net, 5), {}}),
            weights_sha256(problem.net, state));
  EXPECT_TRUE(std::ranges::equal(state.slots[1].span(), initial.parameters.span()));
  EXPECT_TRUE(std::ranges::all_of(state.slots[0].span(), [](float b) { return b == 0; }));
}

TEST(EngineAverage, EvaluatesTheCopyThatIsNamed) {
  for (const char* name : {"ema", "lookahead", "everything"}) {
    for (const RunLayout& layout : kLayouts) {
      expect_evaluates_the_named_copy(test::problem(name), kSizes, layout);
    }
  }
}

// The average follows every kind of update: the first step of an exponential moving average copies
// the weights, whatever the optimizer is, and later it differs where weights change. Its buffers
// are always those of the weights.
TEST(EngineAverage, FollowsEveryUpdate) {
  for (const char* name : {"strided", "adamw", "clipped", "lars", "muon", "everything"}) {
    Problem problem = test::problem(name);
    problem.average = Ema{.decay = 0.75};
    const Dataset data = data_for(problem, 64);
    const ModelState initial = initial_state(problem);
    for (const RunLayout& layout : kLayouts) {
      SCOPED_TRACE(problem.name + ": " + describe(layout));
      Machine machine(problem, kSizes, layout);
      machine.engine->set_state(initial);
      run_steps(*machine.engine, problem, data, kSizes.batch, {0, 1});
      ModelState state = machine.engine->state();
      EXPECT_EQ(weights_sha256(problem.net, state),
                weights_sha256(problem.net, {std::move(state.slots.back()), {}}));
      run_steps(*machine.engine, problem, data, kSizes.batch, {1, 3});
      state = machine.engine->state();
      for (const ParameterTensor& tensor : problem.net.tensors()) {
        bool moved = false, differs = false;
        for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
          moved = moved || state.parameters[i] != initial.parameters[i];
          differs = differs || state.parameters[i] != state.slots.back()[i];
        }
        EXPECT_EQ(differs, moved && !tensor.is_buffer) << tensor.name;
        EXPECT_TRUE(moved || !tensor.is_buffer) << tensor.name;
      }
    }
  }
}

// Training does not depend on an exponential moving average: its weights and slots are those of the
// same run without one. Frozen tensors keep their initial average.
TEST(EngineAverage, AnExponentialMovingAverageChangesNoWeight) {
  const Problem& with = test::problem("ema");
  const Problem& without = test::problem("adamw");
  const ModelState initial = initial_state(with);
  const Dataset data = data_for(with, kSizes.samples);
  const auto trained = [&](const Problem& problem) {
    Machine machine(problem, kSizes, {});
    machine.engine->set_state(initial_state(problem));
    run_steps(*machine.engine, problem, data, kSizes.batch, {0, 4});
    return machine.engine->state();
  };
  ModelState averaged = trained(with);
  ASSERT_EQ(averaged.slots.size(), 3u);
  const Buffer<float> average = std::move(averaged.slots.back());
  averaged.slots.pop_back();
  EXPECT_EQ(state_sha256(with.net, averaged, 0), state_sha256(with.net, trained(without), 0));
  for (const ParameterTensor& tensor : with.net.parameter_tensors()) {
    SCOPED_TRACE(tensor.name);
    const bool is_frozen = tensor.name.starts_with("conv0") || tensor.name.ends_with(".bias");
    bool moved = false, differs = false;
    for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      moved = moved || average[i] != initial.parameters[i];
      differs = differs || average[i] != averaged.parameters[i];
    }
    EXPECT_EQ(moved, !is_frozen);
    EXPECT_EQ(differs, !is_frozen);
  }
}

}  // namespace
}  // namespace convoy::test
