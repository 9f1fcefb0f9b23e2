// SPDX-License-Identifier: Apache-2.0
// The behaviour of the CUDA engine beside its bits: stops, failures, launches, times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "plan/stage_names.hpp"
#include "runtime/cuda_engine.hpp"
#include "runtime/gpu/fiber_device.hpp"
#include "runtime/timeline.hpp"
#include "tests/parallel/thread_communicator.hpp"
#include "tests/runtime/cuda/on_gpu.hpp"

namespace convoy::test {
namespace {

using testing::HasSubstr;

constexpr Sizes kSizes{24, 8, 4};

class FiberEngine : public testing::Test {
 protected:
  FiberEngine() { gpu::fiber_device().facts.shared_bytes = Index{1} << 20; }
  ~FiberEngine() override { gpu::fiber_device() = {}; }

  const Problem& problem_ = problem("strided");
  const Dataset data_ = data_for(problem_, kSizes.samples);
};

template <class Function>
std::string message_of(Fault fault, const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST_F(FiberEngine, SaysWhatItRunsOn) {
  const Machine machine(problem_, kSizes, on_gpu(Launching::automatic));
  EXPECT_EQ(machine.engine->device(), "cuda");
  EXPECT_EQ(machine.engine->isa(), "fibers");
  EXPECT_EQ(machine.engine->threads(), 1);
  ASSERT_EQ(cuda_devices().size(), 1u);
  EXPECT_EQ(cuda_devices()[0].name, "fibers");
}

TEST_F(FiberEngine, LeavesAfterTheStepInWhichAStopIsSeen) {
  for (const Launching launching : {Launching::stages, Launching::graph, Launching::persistent}) {
    Machine machine(problem_, kSizes, on_gpu(launching));
    machine.engine->set_state(initial_state(problem_));
    const std::atomic<bool> stop{true};
    const StepRangeResult result = run_steps(*machine.engine, problem_, data_, 8, {0, 3}, &stop);
    EXPECT_EQ(result.outcome, Outcome::stopped);
    EXPECT_EQ(result.steps_done, 1);
    EXPECT_EQ(result.total.samples, 8);
  }
}

// Steps at a learning rate at which every weight becomes infinite or NaN.
StepRangeResult run_wildly(Engine& engine, const Problem& problem, const Dataset& data) {
  Problem wild = problem;
  wild.rate = std::numeric_limits<float>::max();
  engine.set_state(initial_state(problem));
  return run_steps(engine, wild, data, kSizes.batch, {0, 3});
}

void expect_same(const Engine& engine, const StepRangeResult& result, const Engine& other,
                 const StepRangeResult& wanted) {
  EXPECT_EQ(wanted.outcome, Outcome::not_finite);
  EXPECT_EQ(result.outcome, wanted.outcome);
  EXPECT_EQ(result.steps_done, wanted.steps_done);
  EXPECT_EQ(result.last_loss, wanted.last_loss);
  EXPECT_EQ(result.total.loss, wanted.total.loss);
  const ModelState now = engine.state(), then = other.state();
  for (Index i = 0; i < now.parameters.size(); ++i) {
    ASSERT_EQ(now.parameters[i], then.parameters[i]);
  }
}

TEST_F(FiberEngine, KeepsTheWeightsOfBeforeAStepThatIsNotFinite) {
  Machine other(problem_, kSizes, RunLayout{});
  const StepRangeResult wanted = run_wildly(*other.engine, problem_, data_);
  for (const Launching launching : {Launching::stages, Launching::graph, Launching::persistent}) {
    Machine machine(problem_, kSizes, on_gpu(launching));
    const StepRangeResult result = run_wildly(*machine.engine, problem_, data_);
    expect_same(*machine.engine, result, *other.engine, wanted);
  }
}

TEST_F(FiberEngine, KeepsTheWeightsOfBeforeSuchAStepOnAllRanks) {
  Machine other(problem_, kSizes, RunLayout{});
  const StepRangeResult wanted = run_wildly(*other.engine, problem_, data_);
  for (const std::vector<int>& domains : {std::vector<int>{2}, {1, 1}, {2, 1}}) {
    run_ranks(domains, [&](Communicator& communicator) {
      Machine machine(problem_, kSizes, on_gpu(Launching::automatic), communicator);
      const StepRangeResult result = run_wildly(*machine.engine, problem_, data_);
      expect_same(*machine.engine, result, *other.engine, wanted);
    });
  }
}

TEST_F(FiberEngine, ContinuesAfterAStepThatWasNotFinite) {
  Machine machine(problem_, kSizes, on_gpu(Launching::persistent));
  run_wildly(*machine.engine, problem_, data_);
  machine.engine->set_state(initial_state(problem_));
  EXPECT_EQ(run_steps(*machine.engine, problem_, data_, 8, {0, 3}).outcome, Outcome::finished);
}

const CudaEngine& gpu_engine(const Machine& machine) {
  return dynamic_cast<const CudaEngine&>(*machine.engine);
}

TEST_F(FiberEngine, LaunchesAsRarelyAsItCan) {
  const auto launches = [&](const RunLayout& layout) {
    Machine machine(problem_, kSizes, layout);
    machine.engine->set_state(initial_state(problem_));
    run_steps(*machine.engine, problem_, data_, 8, {0, 3});
    return gpu_engine(machine).launches();
  };
  EXPECT_EQ(launches(on_gpu(Launching::graph)), 1);
  EXPECT_EQ(launches(on_gpu(Launching::persistent)), 1);
  EXPECT_EQ(launches(on_gpu(Launching::persistent, 2)), 2);
  EXPECT_EQ(launches(on_gpu(Launching::graph, 1)), 3);
  const Machine machine(problem_, kSizes, on_gpu(Launching::stages));
  Index kernels = 1;  // the end of a step
  for (const StageLaunches& stage : gpu_engine(machine).stage_launches()) {
    kernels += stage.launches;
    EXPECT_GE(stage.threads, stage.blocks);
  }
  EXPECT_EQ(launches(on_gpu(Launching::stages)), 3 * kernels);
}

TEST_F(FiberEngine, ChoosesAPersistentKernelWhereItFits) {
  const auto launches = [&] {
    Machine machine(problem_, kSizes, on_gpu(Launching::automatic));
    machine.engine->set_state(initial_state(problem_));
    gpu::fiber_device().before_launch = {};
    run_steps(*machine.engine, problem_, data_, 8, {0, 3});
    return gpu_engine(machine).launches();
  };
  EXPECT_EQ(launches(), 1);
  gpu::fiber_device().facts.shared_bytes = 1000;
  EXPECT_EQ(launches(), 1) << "a graph";
  EXPECT_THAT(message_of(Fault::unavailable,
                         [&] { Machine(problem_, kSizes, on_gpu(Launching::persistent)); }),
              HasSubstr("use --launch graph"));
}

TEST_F(FiberEngine, SaysWhatMemoryItAskedForAndWhatIsFree) {
  gpu::fiber_device().facts.memory_bytes = 20'000;
  EXPECT_THAT(
      message_of(Fault::unavailable, [&] { Machine(problem_, kSizes, on_gpu(Launching::stages)); }),
      testing::MatchesRegex("fibers has too little memory \\(.* take [0-9.]+ MiB, [0-9.]+ "
                            "MiB are free\\): use a smaller --batch.*"));
}

TEST_F(FiberEngine, SaysWhenItsGpuHasNoRoomForTheImages) {
  gpu::fiber_device().facts.memory_bytes = 1'000'000;
  Machine machine(problem_, kSizes, on_gpu(Launching::stages));
  machine.engine->set_state(initial_state(problem_));
  const Dataset large = data_for(problem_, 20'000);
  const std::vector<std::uint32_t> order(20'000);
  EXPECT_THAT(message_of(Fault::unavailable,
                         [&] {
                           run_steps(*machine.engine, problem_, large, 8, {0, 1}, nullptr, order);
                         }),
              HasSubstr("the images take"));
  // After the refusal the engine works with sizes that fit.
  EXPECT_EQ(run_steps(*machine.engine, problem_, data_, 8, {0, 3}).outcome, Outcome::finished);
}

TEST_F(FiberEngine, RefusesWhatAGpuDoesNotDo) {
  RunLayout layout = on_gpu(Launching::automatic);
  layout.threads_by = Parallelism::tensor;
  EXPECT_THAT(message_of(Fault::usage, [&] { Machine(problem_, kSizes, layout); }),
              HasSubstr("cannot split work by tensor"));
  EXPECT_THAT(
      message_of(Fault::usage, [&] { Machine(problem_, kSizes, on_gpu(Launching::graph, -1)); }),
      HasSubstr("steps in a launch"));
}

TEST_F(FiberEngine, RefusesABatchWhoseNumbersItCannotCount) {
  EXPECT_THAT(message_of(Fault::usage,
                         [&] {
                           Machine(problem_, {1, 100'000'000, 4}, on_gpu(Launching::stages));
                         }),
              HasSubstr("use a --batch of at most"));
}

TEST_F(FiberEngine, TellsATimelineTheTimeOfEachStage) {
  Timeline timeline(1000);
  RunLayout layout = on_gpu(Launching::automatic);
  layout.timeline = &timeline;
  {
    Machine machine(problem_, kSizes, layout);
    machine.engine->set_state(initial_state(problem_));
    run_steps(*machine.engine, problem_, data_, 8, {0, 3});
  }
  EXPECT_EQ(timeline.steps(), 3);
  const Track& track = timeline.all_tracks()[0];
  for (Index stage = 0; stage < static_cast<Index>(timeline.stages().size()); ++stage) {
    EXPECT_GT(track.total_of_stage(stage), 0) << "stage " << stage;
  }
  EXPECT_GT(track.total(TimeKind::input), 0);
}

}  // namespace
}  // namespace convoy::test
