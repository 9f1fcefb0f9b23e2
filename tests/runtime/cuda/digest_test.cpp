// SPDX-License-Identifier: Apache-2.0
// The contract on fibers in place of a GPU: the bits of the CPU, for every way of launching, every
// order of threads and any number of ranks; and every missing barrier is detected.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "net/model_file.hpp"
#include "optim/optimizer.hpp"
#include "plan/plan.hpp"
#include "runtime/gpu/fiber_device.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/runtime/cuda/on_gpu.hpp"
#include "tests/runtime/cuda/schedules.hpp"
#include "tests/runtime/runs.hpp"

namespace convoy::test {
namespace {

// A persistent kernel has no batch normalisations.
std::vector<Launching> launchings_of(const Net& net) {
  if (Plan(net).phases().size() > 1) return {Launching::stages, Launching::graph};
  return {Launching::stages, Launching::graph, Launching::persistent};
}
Launching random_launching(Random& random, const Net& net) {
  const std::vector<Launching> all = launchings_of(net);
  return all[static_cast<std::size_t>(random.pick(0, static_cast<Index>(all.size()) - 1))];
}

class FiberDigest : public testing::TestWithParam<std::string> {
 protected:
  // Room for a sample of any of the nets.
  FiberDigest() { gpu::fiber_device().facts.shared_bytes = Index{1} << 20; }
  ~FiberDigest() override {
    fibers::schedule() = {};
    EXPECT_EQ(gpu::fiber_device().writes_beyond, 0);
    gpu::fiber_device() = {};
  }

  const Problem& problem_ = problem(GetParam());
};

TEST_P(FiberDigest, IsThatOfTheCpuInAnyOrderOfThreads) {
  const Sizes sizes = fitting(problem_, {23, 10, 3});
  const std::string wanted = train(problem_, sizes, RunLayout{});
  for (const Launching launching : launchings_of(problem_.net)) {
    for (const fibers::Schedule& schedule : schedules()) {
      fibers::schedule() = schedule;
      EXPECT_EQ(train(problem_, sizes, on_gpu(launching)), wanted) << describe(launching, schedule);
    }
  }
}

TEST_P(FiberDigest, IsThatOfTheCpuForOddSizes) {
  Random random(6);
  for (const Sizes given : {
           Sizes{25, 16, 1},   // grain 1
           Sizes{7, 1, 4},     // batch 1
           Sizes{19, 64, 4},   // a batch larger than the data
           Sizes{23, 7, 100},  // a grain larger than the batch
           Sizes{33, 32, 4},   // a last batch of one
           Sizes{1, 1, 1},
       }) {
    const Sizes sizes = fitting(problem_, given);
    const std::string wanted = train(problem_, sizes, RunLayout{}, {2, false});
    for (const Launching launching : launchings_of(problem_.net)) {
      const auto cuts = static_cast<std::uint64_t>(random.pick(1, 1000));
      const RunLayout layout = on_gpu(launching, random.pick(0, 3));
      ASSERT_EQ(train(problem_, sizes, layout, {2, false}, cuts), wanted)
          << fmt::format("{} samples, batch {}, grain {}, {} steps a launch", sizes.samples,
                         sizes.batch, sizes.grain, layout.steps_per_launch);
    }
  }
}

// The run moves from a CPU to a GPU and back, from any way of launching to any other, and to
// several ranks, one of which requests each stop.
TEST_P(FiberDigest, IsThatOfTheRunThatWasNeverMoved) {
  Random random(7);
  for (int round = 0; round < rounds(4); ++round) {
    const Sizes sizes =
        fitting(problem_, {random.pick(20, 60), random.pick(3, 12), random.pick(1, 5)});
    const std::string wanted = train(problem_, sizes, RunLayout{}, {2, false});
    ASSERT_EQ(train(problem_, sizes, {2, true}, random,
                    [&] {
                      if (random.chance(30)) return RunLayout{};
                      if (random.chance(60)) return on_gpu(random_launching(random, problem_.net));
                      RunLayout ranks = on_gpu(Launching::automatic);
                      ranks.domains = {static_cast<int>(random.pick(1, 3)), 1};
                      return ranks;
                    }),
              wanted);
  }
}

TEST_P(FiberDigest, IsOneForAllRanks) {
  const Sizes sizes = fitting(problem_, {41, 16, 3});
  const std::string wanted = train(problem_, sizes, RunLayout{});
  for (const std::vector<int>& domains :
       {std::vector<int>{2}, {1, 1}, {5}, {2, 1, 3}, {1, 1, 1, 1, 1, 1, 1, 1}}) {
    for (const Reduction reduction : {Reduction::tree, Reduction::root}) {
      RunLayout layout = on_gpu(Launching::automatic);
      layout.domains = domains;
      layout.reduction = reduction;
      ASSERT_EQ(train(problem_, sizes, layout), wanted) << describe(layout);
    }
  }
}

TEST_P(FiberDigest, EvaluationIsThatOfTheCpu) {
  EXPECT_EQ(evaluate(problem_, on_gpu(Launching::automatic)), evaluate(problem_, RunLayout{}));
}

// Whether a process that trains in this way gives another result than `wanted`, or crashes.
// (Without a barrier a thread may follow pointers that have not been written.)
bool goes_wrong(const Problem& problem, const Sizes& sizes, const std::string& wanted) {
  constexpr unsigned kSeconds = 60;
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    try {
      const bool right = train(problem, sizes, on_gpu(Launching::persistent)) == wanted;
      _exit(right ? 0 : 1);
    } catch (...) {
      _exit(1);
    }
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status != 0;
}

// The test removes each barrier of a step, one after the other; some order of the threads detects
// each of them.
TEST_P(FiberDigest, EveryMissingBarrierIsCaught) {
  if (Plan(problem_.net).phases().size() > 1) GTEST_SKIP() << "it has no persistent kernel";
  const Sizes some{9, 5, 2}, one_block{3, 1, 1};
  fibers::barriers_seen() = {};
  const std::string wanted = train(problem_, some, on_gpu(Launching::persistent));
  const std::string wanted_alone = train(problem_, one_block, on_gpu(Launching::persistent));
  const fibers::Barriers seen = fibers::barriers_seen();
  EXPECT_GE(seen.block.size(), 2u);
  EXPECT_GE(seen.grid.size(), 2u);
  const auto caught = [&](const std::string& barrier) {
    return std::ranges::any_of(schedules(), [&](fibers::Schedule schedule) {
      schedule.omitted = barrier;
      fibers::schedule() = schedule;
      return goes_wrong(problem_, some, wanted) || goes_wrong(problem_, one_block, wanted_alone);
    });
  };
  EXPECT_FALSE(caught("none")) << "nothing was planted";
  for (const auto* barriers : {&seen.block, &seen.grid}) {
    for (const std::string& barrier : *barriers) EXPECT_TRUE(caught(barrier)) << barrier;
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, FiberDigest, testing::ValuesIn(problem_names()),
                         [](const auto& test) { return test.param; });

TEST(FiberDigestOfEverything, IsThatOfTheCpuWithEachOptimizer) {
  for (const NamedOptimizer& known : kOptimizers) {
    Problem everything = problem("everything");
    everything.optimizer = known.defaults;
    const Sizes sizes = fitting(everything, {25, 16, 4});
    const std::string wanted = train(everything, sizes, RunLayout{});
    for (const Launching launching : launchings_of(everything.net)) {
      EXPECT_EQ(train(everything, sizes, on_gpu(launching)), wanted) << known.name;
    }
    RunLayout ranks = on_gpu(Launching::automatic);
    ranks.domains = {2, 1};
    EXPECT_EQ(train(everything, sizes, ranks), wanted) << known.name;
  }
}

// Whole steps of the nets that a persistent kernel is for.
class FiberDigestOf : public testing::TestWithParam<std::string> {};

TEST_P(FiberDigestOf, TheModelIsThatOfTheCpu) {
  const ModelFile model = load_model_file(CONVOY_SOURCE_DIR "/models/" + GetParam() + ".toml", {});
  const Problem problem{GetParam(), model.net, model.train.optimizer, 0.05F};
  gpu::fiber_device().facts.shared_bytes = Index{227} << 10;  // Hopper's
  const Sizes sizes{18, std::min<Index>(model.train.batch, 12), model.train.grain};
  const std::string wanted = train(problem, sizes, RunLayout{});
  for (const Launching launching : launchings_of(problem.net)) {
    for (const fibers::Schedule& schedule : schedules()) {
      fibers::schedule() = schedule;
      EXPECT_EQ(train(problem, sizes, on_gpu(launching)), wanted) << describe(launching, schedule);
    }
  }
  fibers::schedule() = {};
  gpu::fiber_device() = {};
}

INSTANTIATE_TEST_SUITE_P(Models, FiberDigestOf,
                         testing::Values("tiny-relu", "tiny-sigmoid", "lenet5", "mnist-fast"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace convoy::test
