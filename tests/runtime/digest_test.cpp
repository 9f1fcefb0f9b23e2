// SPDX-License-Identifier: Apache-2.0
// The contract: the bits of a training are a function of its identity. They depend neither on
// threads, nor on how the work is divided, nor on the instruction set, nor on stops, nor on the
// caller's modes of the processor.
#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "runtime/cpu/workers.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/optim/random_optimizer.hpp"
#include "tests/plan/random_net.hpp"
#include "tests/runtime/runs.hpp"
#include "tests/runtime/user/training.hpp"
#include "train/checkpoint.hpp"
#include "train/schedule.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace convoy::test {
namespace {

class EngineDigest : public testing::TestWithParam<std::string> {
 protected:
  const Problem& problem_ = problem(GetParam());
  const Sizes odd_ = fitting(problem_, {257, 48, 5});
};

TEST_P(EngineDigest, IsOneForAllThreadsCutsAndInstructionSets) {
  const std::string wanted = train(problem_, odd_, RunLayout{});
  for (const std::string& isa : available_isas()) {
    for (const Parallelism threads_by : {Parallelism::data, Parallelism::tensor}) {
      for (const int threads : {1, 2, 3, 4, 8}) {
        RunLayout layout{threads, threads_by, isa};
        ASSERT_EQ(train(problem_, odd_, layout), wanted) << describe(layout);
        if (threads_by == Parallelism::tensor) continue;  // never fused
        layout.fuse = false;
        ASSERT_EQ(train(problem_, odd_, layout), wanted) << describe(layout);
      }
    }
  }
}

// The digest must change with grain, batch, seed and data: this tests the test.
TEST_P(EngineDigest, IsAnotherForAnotherIdentity) {
  const Index grain = fitting(problem_, {60, 12, 3}).grain;
  const std::string wanted = train(problem_, {60, 12, grain}, RunLayout{});
  EXPECT_NE(train(problem_, {60, 15, grain}, RunLayout{}), wanted);
  EXPECT_NE(train(problem_, {59, 12, grain}, RunLayout{}), wanted);
  EXPECT_NE(train(problem_, {60, 12, 4}, RunLayout{}), wanted);
}

TEST_P(EngineDigest, IsOneForOddSizes) {
  Random random(4);
  for (const Sizes given : {
           Sizes{41, 16, 1},   // grain 1
           Sizes{90, 75, 1},   // more grains than are summed at once
           Sizes{13, 1, 4},    // batch 1
           Sizes{19, 64, 4},   // a batch larger than the data
           Sizes{23, 7, 100},  // a grain larger than the batch
           Sizes{33, 32, 4},   // a last batch of one
           Sizes{1, 1, 1},
       }) {
    const Sizes sizes = fitting(problem_, given);
    const std::string wanted = train(problem_, sizes, RunLayout{}, {2, false});
    for (int round = 0; round < rounds(6); ++round) {
      const RunLayout layout = random_layout(random);
      const auto cuts = static_cast<std::uint64_t>(random.pick(1, 1000));
      ASSERT_EQ(train(problem_, sizes, layout, {2, false}, cuts), wanted)
          << fmt::format("{} samples, batch {}, grain {}: {}", sizes.samples, sizes.batch,
                         sizes.grain, describe(layout));
    }
  }
}

TEST_P(EngineDigest, IsThatOfTheRunThatWasNeverStopped) {
  Random random(5);
  for (int round = 0; round < rounds(6); ++round) {
    const Sizes sizes =
        fitting(problem_, {random.pick(20, 90), random.pick(3, 12), random.pick(1, 5)});
    const std::string wanted = train(problem_, sizes, RunLayout{}, {2, false});
    std::string trace;
    ASSERT_EQ(train(problem_, sizes, {2, true}, random,
                    [&] {
                      const RunLayout layout = random_layout(random);
                      trace += describe(layout) + "; ";
                      return layout;
                    }),
              wanted)
        << trace;
  }
}

TEST_P(EngineDigest, EvaluationIsOneForAllThreadsCutsAndInstructionSets) {
  const std::string wanted = evaluate(problem_, RunLayout{});
  for (const std::string& isa : available_isas()) {
    for (const Parallelism threads_by : {Parallelism::data, Parallelism::tensor}) {
      for (const int threads : {1, 3, 8}) {
        ASSERT_EQ(evaluate(problem_, {threads, threads_by, isa}), wanted)
            << describe({threads, threads_by, isa});
      }
    }
  }
}

// Unusual modes: rounding upwards, and denormals flushed where the processor can do that.
class HostileModes {
 public:
  HostileModes() {
    std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040U);  // flush to zero, denormals are zero
#endif
  }
  ~HostileModes() {
    std::fesetenv(FE_DFL_ENV);
  }
  HostileModes(const HostileModes&) = delete;
  HostileModes& operator=(const HostileModes&) = delete;

  static bool are_on() {
    bool on = std::fegetround() == FE_UPWARD;
#if defined(__x86_64__)
    on = on && (_mm_getcsr() & 0x8040U) == 0x8040U;
#endif
    return on;
  }
};

TEST_P(EngineDigest, IsThatOfAProcessorInItsUsualModes) {
  const Sizes sizes = fitting(problem_, {60, 12, 4});
  const std::string wanted = train(problem_, sizes, RunLayout{});
  for (const Parallelism threads_by : {Parallelism::data, Parallelism::tensor}) {
    for (const int threads : {1, 4}) {
      const RunLayout layout{threads, threads_by, "auto"};
      std::string actual;
      bool kept = false;
      {
        const HostileModes modes;
        actual = train(problem_, sizes, layout);
        kept = HostileModes::are_on();
      }
      EXPECT_EQ(actual, wanted) << "modes of the caller; " << describe(layout);
      EXPECT_TRUE(kept) << "the caller's modes are the caller's";
      // A new thread has its own workers, which inherit its modes.
      std::thread([&] {
        const HostileModes modes;
        actual = train(problem_, sizes, layout);
      }).join();
      EXPECT_EQ(actual, wanted) << "modes of a new thread; " << describe(layout);
      // Workers that did other work before.
      if (threads <= most_workers()) {
        run_workers(threads, [](int) {
          std::fesetround(FE_DOWNWARD);
#if defined(__x86_64__)
          _mm_setcsr(_mm_getcsr() | 0x8040U);
#endif
        });
        actual = train(problem_, sizes, layout);
        run_workers(threads, [](int) { std::fesetenv(FE_DFL_ENV); });
        EXPECT_EQ(actual, wanted) << "modes of the workers; " << describe(layout);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EngineDigest, testing::ValuesIn(problem_names()),
                         [](const auto& test) { return test.param; });

// Its labels and predictions are the highest numbers of 16 bits.
TEST(EngineDigestOf, TheMostClassesIsOneForAllWaysOfDividing) {
  const Problem problem{
      "most classes",
      Net("most", {2, 2, 1}, {}, {make_layer("dense0", Dense{{}, kMostClasses, true}, {kNetInput})},
          LossFunction::softmax_cross_entropy),
      {},
      10.0F};
  const Sizes sizes{5, 5, 2};
  const std::string wanted = train(problem, sizes, RunLayout{});
  for (const RunLayout& layout : {RunLayout{3}, RunLayout{2, Parallelism::tensor},
                                  RunLayout{1, Parallelism::data, "auto", {2}},
                                  RunLayout{1, Parallelism::data, "auto", {1, 1}}}) {
    EXPECT_EQ(train(problem, sizes, layout), wanted) << describe(layout);
  }
  Machine machine(problem, sizes, {});
  machine.engine->set_state(initial_state(problem));
  const Dataset data = data_for(problem, 1);
  ASSERT_EQ(data.label(0), 65535);
  run_steps(*machine.engine, problem, data, 1, {0, 1});
  const std::vector<std::uint32_t> samples{0};
  EXPECT_EQ(machine.engine->evaluate(data, samples).predictions, std::vector<std::uint16_t>{65535});
}

TEST(EngineDigestOf, FloatsWithTheValuesOfBytesIsThatOfTheBytes) {
  const Sizes sizes{57, 12, 4};
  for (const char* name : {"strided", "classic"}) {
    Problem problem = test::problem(name);
    const std::string wanted = train(problem, sizes, RunLayout{});
    problem.pixels = Pixels::bytes_as_floats;
    EXPECT_EQ(train(problem, sizes, RunLayout{}), wanted) << name;
    problem.pixels = Pixels::floats;
    EXPECT_NE(train(problem, sizes, RunLayout{}), wanted) << name;
  }
}

TEST(EngineDigestOf, ProblemsThatShouldHoldDenormalsDo) {
  const Problem& problem = test::problem("tiny_numbers");
  Machine machine(problem, {60, 12, 4}, {});
  machine.engine->set_state(initial_state(problem));
  run_steps(*machine.engine, problem, data_for(problem, 60), 12, {0, 5});
  const ModelState state = machine.engine->state();
  const auto denormals = std::ranges::count_if(
      state.slots.at(0).span(), [](float v) { return std::fpclassify(v) == FP_SUBNORMAL; });
  EXPECT_GT(denormals, 10);
}

// The computations before the engine runs.
TEST(EngineDigestOf, WeightsAndRatesDoNotDependOnTheCallersModes) {
  TrainSettings settings;
  settings.schedule = ScheduleKind::cosine;
  settings.epochs = 3;
  settings.warmup_epochs = 1;
  const auto everything = [&] {
    std::vector<float> all;
    for (const Problem& problem : problems()) {
      const Buffer<float> weights = initial_parameters(problem.net, 9);
      all.insert(all.end(), weights.data(), weights.data() + weights.size());
    }
    for (Index step = 0; step < 30; ++step) all.push_back(learning_rate(settings, step, 10));
    return all;
  };
  const std::vector<float> wanted = everything();
  std::vector<float> actual;
  {
    const HostileModes modes;
    actual = everything();
  }
  EXPECT_EQ(actual, wanted);
}

TEST(EngineDigestOf, RandomNetsIsOneForRandomLayouts) {
  Random random(6);
  for (int round = 0; round < rounds(60); ++round) {
    const Problem problem{"random", RandomNet(random, static_cast<int>(random.pick(0, 12))).net(),
                          random_optimizer(random), 0.01F};
    const Sizes sizes =
        fitting(problem, {random.pick(1, 40), random.pick(1, 20), random.pick(1, 6)});
    const std::string wanted = train(problem, sizes, RunLayout{});
    for (int i = 0; i < 3; ++i) {
      const RunLayout layout = random_layout(random);
      ASSERT_EQ(train(problem, sizes, layout), wanted) << round << ": " << describe(layout);
    }
  }
}

// With -ffast-math and the like in the user's program, and its denormals flushed by start-up code.
TEST(EngineDigestOf, AProgramCompiledWithOtherFlagsIsTheSame) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("fma")) GTEST_SKIP() << "that program uses FMA instructions";
  const std::string wanted = "flushes\n";
#else
  const std::string wanted;
#endif
  std::FILE* program = ::popen(CONVOY_FAST_MATH, "r");
  ASSERT_NE(program, nullptr);
  std::string output;
  for (int c = std::fgetc(program); c != EOF; c = std::fgetc(program)) {
    output += static_cast<char>(c);
  }
  EXPECT_EQ(::pclose(program), 0);
  EXPECT_EQ(output.substr(0, wanted.size()), wanted);
  EXPECT_EQ(output.substr(output.find('\n') + 1), train_as_a_user());
}

}  // namespace
}  // namespace convoy::test
