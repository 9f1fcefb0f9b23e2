// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/engine.hpp"
#include "tests/runtime/runs.hpp"

namespace convoy::test {

// The copy of the weights that evaluations read is chosen by the optimizer's settings: the
// evaluation is that of an engine whose weights are that copy. The problem must have an average.
inline void expect_evaluates_the_named_copy(Problem problem, const Sizes& sizes,
                                            const RunLayout& layout) {
  SCOPED_TRACE(problem.name + ": " + describe(layout));
  const Dataset data = data_for(problem, 40);
  std::vector<std::uint32_t> samples(40);
  std::iota(samples.begin(), samples.end(), 0U);
  std::string of_copy[2];
  for (const WeightsCopy copy : {WeightsCopy::average, WeightsCopy::trained}) {
    problem.evaluate = copy;
    Machine machine(problem, sizes, layout);
    machine.engine->set_state(initial_state(problem));
    run_steps(*machine.engine, problem, data, 8, {0, 5});
    std::string& bits = of_copy[copy == WeightsCopy::average ? 0 : 1];
    bits = bits_of(machine.engine->evaluate(data, samples, true));

    ModelState state = machine.engine->state();
    Problem plain = problem;
    plain.average = NoAverage{};
    Machine other(plain, sizes, layout);
    ModelState weights{
        copy == WeightsCopy::average ? std::move(state.slots.back()) : std::move(state.parameters),
        {}};
    other.engine->set_state(weights);
    EXPECT_EQ(bits_of(other.engine->evaluate(data, samples, true)), bits);
  }
  EXPECT_NE(of_copy[0], of_copy[1]);
}

}  // namespace convoy::test
