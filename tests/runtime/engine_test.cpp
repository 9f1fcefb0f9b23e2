// SPDX-License-Identifier: Apache-2.0
// The behaviour of an engine after a failure or a request to stop; afterwards it can be used as
// before.
#include "runtime/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "base/check.hpp"
#include "base/machine.hpp"
#include "runtime/cpu/workers.hpp"
#include "runtime/cpu_engine.hpp"
#include "tests/goldens/interpreter.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/parallel/thread_communicator.hpp"
#include "tests/plan/random_net.hpp"
#include "tests/runtime/runs.hpp"
#include "train/checkpoint.hpp"

namespace convoy::test {
namespace {

using testing::HasSubstr;

const std::vector<RunLayout> kLayouts{{1, Parallelism::data, "auto"},
                                      {4, Parallelism::data, "auto"},
                                      {3, Parallelism::tensor, "auto"},
                                      {8, Parallelism::tensor, "auto"}};
constexpr Sizes kSizes{64, 16, 2};

std::string digest(const Problem& problem, const Engine& engine) {
  return state_sha256(problem.net, engine.state(), 0);
}

std::string user_error(Fault fault, const std::function<void()>& mistake) {
  try {
    mistake();
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

// The digest after this number of undisturbed steps.
std::string digest_after(const Problem& problem, Index steps) {
  Machine machine(problem, kSizes, {});
  machine.engine->set_state(initial_state(problem));
  run_steps(*machine.engine, problem, data_for(problem, kSizes.samples), kSizes.batch, {0, steps});
  return digest(problem, *machine.engine);
}

TEST(Engine, WhatAWorkerThrowsEndsTheRunAndTheEngineCanBeUsedAgain) {
  const Problem& problem = test::problem("readers");
  const Dataset data = data_for(problem, kSizes.samples);
  const std::string two_steps = digest_after(problem, 2), four_steps = digest_after(problem, 4);
  for (const RunLayout& layout : kLayouts) {
    SCOPED_TRACE(describe(layout));
    Machine machine(problem, kSizes, layout);
    machine.engine->set_state(initial_state(problem));
    const std::string before = bits_of(machine.engine->evaluate(data, {}));
    int calls = 0;
    machine.communicator.before_reduce = [&] {
      if (++calls == 3) throw std::runtime_error("the network is down");
    };
    try {
      run_steps(*machine.engine, problem, data, kSizes.batch, {0, 4});
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "the network is down");
    }
    EXPECT_EQ(digest(problem, *machine.engine), two_steps) << "the steps that were done count";

    calls = 2;  // the next call of all throws: an evaluation's
    const std::vector<std::uint32_t> samples{1, 2, 3};
    EXPECT_THROW(machine.engine->evaluate(data, samples), std::runtime_error);

    machine.communicator.before_reduce = {};
    const StepRangeResult result = run_steps(*machine.engine, problem, data, kSizes.batch, {2, 4});
    EXPECT_EQ(result.outcome, Outcome::finished);
    EXPECT_EQ(digest(problem, *machine.engine), four_steps);
    EXPECT_EQ(machine.engine->evaluate(data, samples).metrics.samples, 3);
    EXPECT_EQ(bits_of(machine.engine->evaluate(data, {})), before);
  }
}

TEST(Engine, AStepThatIsNotFiniteChangesNothing) {
  for (const Problem& problem : problems()) {
    const Dataset data = data_for(problem, kSizes.samples);
    for (const RunLayout& layout : kLayouts) {
      SCOPED_TRACE(problem.name + ": " + describe(layout));
      Machine machine(problem, kSizes, layout);
      machine.engine->set_state(initial_state(problem));
      run_steps(*machine.engine, problem, data, kSizes.batch, {0, 1});
      const std::string before = digest(problem, *machine.engine);

      // Weights that are infinite: seen by the update of the very step.
      Problem wild = problem;
      wild.rate = std::numeric_limits<float>::infinity();
      StepRangeResult result = run_steps(*machine.engine, wild, data, kSizes.batch, {1, 4});
      EXPECT_EQ(result.outcome, Outcome::not_finite);
      EXPECT_EQ(result.steps_done, 0);
      EXPECT_EQ(result.total.samples, 0) << "a step that was not done does not count";
      EXPECT_TRUE(std::isfinite(result.last_loss));
      EXPECT_EQ(digest(problem, *machine.engine), before);

      // The engine then continues with the same bits.
      result = run_steps(*machine.engine, problem, data, kSizes.batch, {1, 4});
      EXPECT_EQ(result.outcome, Outcome::finished);
      EXPECT_EQ(digest(problem, *machine.engine), digest_after(problem, 4));
    }
  }
}

// The learning rate is so high that a later loss or gradient overflows: the state is then that of
// the last complete step, for every layout.
TEST(Engine, ARunThatDivergesStopsAtTheSameStepEverywhere) {
  Problem problem = test::problem("strided");
  problem.rate = 1e30F;
  const Dataset data = data_for(problem, kSizes.samples);
  Index wanted_steps = -1;
  std::string wanted;
  for (const RunLayout& layout : kLayouts) {
    SCOPED_TRACE(describe(layout));
    Machine machine(problem, kSizes, layout);
    machine.engine->set_state(initial_state(problem));
    const StepRangeResult result = run_steps(*machine.engine, problem, data, kSizes.batch, {0, 4});
    EXPECT_EQ(result.outcome, Outcome::not_finite);
    EXPECT_LT(result.steps_done, 4);
    const ModelState left = machine.engine->state();
    for (const float w : left.parameters.span()) EXPECT_TRUE(std::isfinite(w));
    if (wanted_steps < 0) {
      wanted_steps = result.steps_done;
      wanted = digest(problem, *machine.engine);
      EXPECT_EQ(wanted, [&] {
        Machine again(problem, kSizes, {});
        again.engine->set_state(initial_state(problem));
        run_steps(*again.engine, problem, data, kSizes.batch, {0, wanted_steps});
        return digest(problem, *again.engine);
      }());
    }
    EXPECT_EQ(result.steps_done, wanted_steps);
    EXPECT_EQ(digest(problem, *machine.engine), wanted);
  }
}

TEST(Engine, AStopIsTakenAfterACompleteStep) {
  const Problem& problem = test::problem("classic");
  const Dataset data = data_for(problem, kSizes.samples);
  for (const RunLayout& layout : kLayouts) {
    SCOPED_TRACE(describe(layout));
    Machine machine(problem, kSizes, layout);
    machine.engine->set_state(initial_state(problem));
    std::atomic<bool> stop{true};
    StepRangeResult result = run_steps(*machine.engine, problem, data, kSizes.batch, {0, 4}, &stop);
    EXPECT_EQ(result.outcome, Outcome::stopped);
    EXPECT_EQ(result.steps_done, 1);
    EXPECT_EQ(result.total.samples, kSizes.batch);
    EXPECT_TRUE(result.total.flags & StepMetrics::stop_requested);
    EXPECT_EQ(digest(problem, *machine.engine), digest_after(problem, 1));
    stop = false;
    result = run_steps(*machine.engine, problem, data, kSizes.batch, {1, 4}, &stop);
    EXPECT_EQ(result.outcome, Outcome::finished);
    EXPECT_EQ(result.total.flags, 0u);
    EXPECT_EQ(digest(problem, *machine.engine), digest_after(problem, 4));
  }
}

TEST(Engine, AnEmptyStepRangeDoesNothing) {
  const Problem& problem = test::problem("dense");
  const Dataset data = data_for(problem, kSizes.samples);
  Machine machine(problem, kSizes, {2, Parallelism::data, "auto"});
  machine.engine->set_state(initial_state(problem));
  const std::string before = digest(problem, *machine.engine);
  for (const Index step : {0, 2, 4}) {
    const StepRangeResult result =
        run_steps(*machine.engine, problem, data, kSizes.batch, {step, step});
    EXPECT_EQ(result.outcome, Outcome::finished);
    EXPECT_EQ(result.steps_done, 0);
  }
  EXPECT_EQ(digest(problem, *machine.engine), before);
}

TEST(Engine, RefusesWhatWouldReadOrWriteBeyondItsMemory) {
  const Problem& problem = test::problem("classic");
  const Dataset data = data_for(problem, kSizes.samples);
  Machine machine(problem, kSizes, {2, Parallelism::data, "auto"});
  Engine& engine = *machine.engine;
  engine.set_state(initial_state(problem));
  const std::string before = digest(problem, engine);
  const auto refuses = [&](const std::function<void()>& mistake, const char* word) {
    EXPECT_THAT(user_error(Fault::usage, mistake), HasSubstr(word));
    EXPECT_EQ(digest(problem, engine), before);
  };

  std::vector<std::uint32_t> order{0, 1, 64};
  refuses([&] { run_steps(engine, problem, data, 3, {0, 1}, nullptr, order); }, "sample 64");
  refuses([&] { engine.evaluate(data, order); }, "sample 64");
  refuses([&] { run_steps(engine, problem, data, 17, {0, 1}); }, "batch of 17");
  refuses([&] { run_steps(engine, problem, data, 0, {0, 0}); }, "batch of 0");
  refuses([&] { run_steps(engine, problem, data, 16, {0, 5}); }, "steps [0, 5)");
  refuses([&] { run_steps(engine, problem, data, 16, {-1, 1}); }, "steps [-1, 1)");
  refuses([&] { engine.run({}); }, "without data");
  refuses(
      [&] {
        run_steps(engine, problem, data_for(test::problem("dense"), 64), 16, {0, 1});
      },
      "does not fit");
  const Dataset more_classes({8, 8, 1}, std::vector<std::uint8_t>(64), {3}, 4);
  const std::vector<std::uint32_t> first{0};
  refuses([&] { engine.evaluate(more_classes, first); }, "4 classes");
  refuses([&] { engine.set_state({Buffer<float>(3), {}}); }, "3 parameters");
  refuses(
      [&] {
        ModelState state{Buffer<float>(problem.net.arena_size()), {}};
        state.slots.emplace_back(1);
        engine.set_state(state);
      },
      "1 slots");

  StepRange step_range;
  const std::vector<float> rates(2);
  step_range.data = &data;
  step_range.order = std::span(order).first(2);
  step_range.steps = {0, 1};
  step_range.batch = 2;
  step_range.learning_rates = rates;
  refuses([&] { engine.run(step_range); }, "2 learning rates");

  // Data beyond the requested steps is not checked.
  EXPECT_EQ(run_steps(engine, problem, data, 2, {0, 1}, nullptr, order).steps_done, 1);

  const auto make = [&](Index batch, Index grain) {
    EngineOptions options;
    options.batch = batch;
    options.grain = grain;
    make_cpu_engine(problem.net, problem.net_optimizer(), options, machine.communicator);
  };
  EXPECT_THAT(user_error(Fault::usage, [&] { make(0, 4); }), HasSubstr("at least 1"));
  EXPECT_THAT(user_error(Fault::usage, [&] { make(4, 0); }), HasSubstr("at least 1"));
  EngineOptions unknown;
  unknown.cpu.isa = "mmx";
  EXPECT_THAT(user_error(Fault::usage,
                         [&] {
                           make_cpu_engine(problem.net, problem.net_optimizer(), unknown,
                                           machine.communicator);
                         }),
              HasSubstr("reference"));
}

TEST(Engine, ReportsOptionsThatItAdjusted) {
  const Problem& problem = test::problem("classic");
  const auto communicator = alone();
  const auto make = [&](int threads, Parallelism threads_by, bool oversubscribe) {
    EngineOptions options;
    options.cpu.threads = threads;
    options.cpu.threads_by = threads_by;
    options.cpu.oversubscribe = oversubscribe;
    options.batch = 16;
    options.grain = 4;
    return make_cpu_engine(problem.net, problem.net_optimizer(), options, *communicator);
  };
  const int cores = usable_cores();
  const int most = std::min(most_workers(), 4);

  auto engine = make(cores + 1, Parallelism::tensor, false);
  EXPECT_EQ(engine->threads(), std::min(cores, most_workers()));
  ASSERT_FALSE(engine->warnings().empty());
  EXPECT_THAT(engine->warnings()[0], HasSubstr("--oversubscribe"));

  engine = make(1, Parallelism::data, false);
  EXPECT_EQ(engine->threads(), 1);
  EXPECT_TRUE(engine->warnings().empty());

  // A batch of 16 is four grains of four: the fifth thread would idle.
  engine = make(5, Parallelism::data, true);
  EXPECT_EQ(engine->threads(), most);
  ASSERT_FALSE(engine->warnings().empty());
  if (most_workers() >= 5) {
    EXPECT_EQ(engine->warnings().size(), 1u);
    EXPECT_THAT(engine->warnings()[0], HasSubstr("1 of 5 threads has no grain and is not started"));
    EXPECT_THAT(engine->warnings()[0], HasSubstr("--threads-by tensor"));
    engine = make(5, Parallelism::tensor, true);
    EXPECT_EQ(engine->threads(), 5);
    EXPECT_TRUE(engine->warnings().empty());
  }
  EXPECT_EQ(engine->device(), "cpu");
  EXPECT_EQ(engine->isa(), available_isas().front());
}

// Inside of a parallel region OpenMP gives one thread. With fewer threads than planned, the workers
// would wait for ever.
TEST(Engine, InsideOfAParallelRegionItSaysSo) {
  if (most_workers() < 2) GTEST_SKIP() << "one worker is all there is";
  const Problem& problem = test::problem("classic");
  const Dataset data = data_for(problem, kSizes.samples);
  Machine several(problem, kSizes, {3, Parallelism::data, "auto"});
  Machine single(problem, kSizes, {});
  for (Machine* machine : {&several, &single}) machine->engine->set_state(initial_state(problem));
  std::string message;
  run_workers(2, [&](int worker) {
    if (worker != 0) return;
    try {
      run_steps(*several.engine, problem, data, kSizes.batch, {0, 4});
    } catch (const UserError& error) {
      message = error.what();
    }
    run_steps(*single.engine, problem, data, kSizes.batch, {0, 4});  // one thread needs no other
  });
  EXPECT_THAT(message, HasSubstr("asked for 3 threads, got 1"));
  EXPECT_THAT(message, HasSubstr("parallel region"));
  EXPECT_EQ(digest(problem, *single.engine), digest_after(problem, 4));
  run_steps(*several.engine, problem, data, kSizes.batch, {0, 4});
  EXPECT_EQ(digest(problem, *several.engine), digest_after(problem, 4));
}

TEST(Engine, StateComesBackAsItWasSet) {
  const Problem& problem = test::problem("dense");
  ModelState state = initial_state(problem);
  state.slots.push_back(initial_parameters(problem.net, 77));
  const std::string wanted = state_sha256(problem.net, state, 0);
  Machine machine(problem, kSizes, {3, Parallelism::tensor, "auto"});
  EXPECT_NE(digest(problem, *machine.engine), wanted);
  machine.engine->set_state(state);
  EXPECT_EQ(digest(problem, *machine.engine), wanted);
  machine.engine->set_state(initial_state(problem));  // no slots: they become zeros
  const ModelState cleared = machine.engine->state();
  ASSERT_EQ(cleared.slots.size(), 1u);
  ASSERT_EQ(cleared.slots[0].size(), problem.net.arena_size());
  EXPECT_EQ(std::accumulate(cleared.slots[0].data(), cleared.slots[0].data() + 100, 0.0F), 0.0F);
}

// Groups of the problem "adamw": conv0 and all biases never change, and neither do their slots.
TEST(Engine, FrozenTensorsAndTheirSlotsStay) {
  const Problem& problem = test::problem("adamw");
  const Dataset data = data_for(problem, 64);
  const ModelState before = initial_state(problem);
  for (const Parallelism threads_by : {Parallelism::data, Parallelism::tensor}) {
    Machine machine(problem, kSizes, {2, threads_by, "auto"});
    machine.engine->set_state(initial_state(problem));
    run_steps(*machine.engine, problem, data, kSizes.batch, {0, 3});
    const ModelState after = machine.engine->state();
    ASSERT_EQ(after.slots.size(), 2u);
    int frozen = 0, trained = 0;
    for (const ParameterTensor& tensor : problem.net.parameter_tensors()) {
      SCOPED_TRACE(tensor.name);
      const bool is_frozen = tensor.name.starts_with("conv0") || tensor.name.ends_with(".bias");
      ++(is_frozen ? frozen : trained);
      bool moved = false, has_slots = false;
      for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
        moved = moved || after.parameters[i] != before.parameters[i];
        has_slots = has_slots || after.slots[0][i] != 0 || after.slots[1][i] != 0;
      }
      EXPECT_EQ(moved, !is_frozen);
      EXPECT_EQ(has_slots, !is_frozen);
    }
    EXPECT_GT(frozen, 2);
    EXPECT_GT(trained, 1);
  }
}

// The loss is finite, since the normalised values are; a variance beyond single precision ends the
// step.
TEST(Engine, AStepWhoseStatisticsAreNotFiniteChangesNothing) {
  const Net net("net", {4, 4, 1}, {1e19, {}, {}},
                {make_layer("norm0", BatchNorm2d{}, {kNetInput}),
                 make_layer("dense1", Dense{{}, 3, true}, {0})},
                LossFunction::softmax_cross_entropy);
  const Problem problem{"large numbers", net, Sgd{.momentum = 0.9}, 0.1F};
  const Dataset data = data_for(problem, 16);
  for (const std::vector<int>& domains : {std::vector<int>{1}, {2}, {1, 1}}) {
    RunLayout layout;
    layout.domains = domains;
    run_ranks(domains, [&](Communicator& communicator) {
      Machine machine(problem, {16, 8, 2}, layout, communicator);
      const ModelState before = initial_state(problem);
      machine.engine->set_state(before);
      const StepRangeResult result = run_steps(*machine.engine, problem, data, 8, {0, 2});
      EXPECT_EQ(result.outcome, Outcome::not_finite);
      EXPECT_EQ(result.steps_done, 0);
      EXPECT_TRUE(std::isfinite(result.last_loss));
      EXPECT_TRUE(
          std::ranges::equal(machine.engine->state().parameters.span(), before.parameters.span()));
    });
  }
}

// The gradient of whole nets, in which values have several readers, against the slope of the loss
// in double. One step of plain SGD has so high a rate that the initial weights are a rounding
// error.
TEST(Engine, GradientsOfRandomNetsAreTheSlopesOfTheLoss) {
  Random random(8);
  for (int round = 0; round < rounds(60); ++round) {
    const Problem problem{"random", RandomNet(random, static_cast<int>(random.pick(1, 10))).net(),
                          Sgd{}, 0x1p20F};
    SCOPED_TRACE("round " + std::to_string(round));
    const Dataset data = data_for(problem, 7);
    Machine machine(problem, {7, 7, 3}, random_layout(random));
    const ModelState state = initial_state(problem);
    machine.engine->set_state(state);
    run_steps(*machine.engine, problem, data, 7, {0, 1});
    const ModelState after = machine.engine->state();

    std::vector<double> input;
    for (const std::uint8_t byte : data.pixels()) {
      input.push_back(static_cast<double>(byte) / 255.0);
    }
    Interpreter<double> net(problem.net, input, {data.labels().begin(), data.labels().end()});
    net.parameters.assign(state.parameters.data(),
                          state.parameters.data() + state.parameters.size());
    double error = 0, norm = 0;
    for (const ParameterTensor& tensor : problem.net.parameter_tensors()) {
      for (Index i = 0; i < std::min<Index>(tensor.size, 10); ++i) {
        const Index at = tensor.offset + (i * 7919) % tensor.size;
        double& weight = net.parameters[static_cast<std::size_t>(at)];
        const double kept = weight, h = 1e-7;
        weight = kept + h;
        const double above = net.run(false);
        weight = kept - h;
        const double below = net.run(false);
        weight = kept;
        const double slope = (above - below) / (2 * h);
        const double gradient =
            (kept - static_cast<double>(after.parameters[at])) / static_cast<double>(problem.rate);
        error += (gradient - slope) * (gradient - slope);
        norm += slope * slope;
      }
    }
    ASSERT_GT(norm, 0);
    EXPECT_LT(std::sqrt(error / norm), 1e-4);
  }
}

}  // namespace
}  // namespace convoy::test
