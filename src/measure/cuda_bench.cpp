// SPDX-License-Identifier: Apache-2.0
#include "measure/cuda_bench.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "measure/cuda_rates.hpp"
#include "measure/steps.hpp"
#include "runtime/cuda_engine.hpp"
#include "runtime/timeline.hpp"

namespace convoy::measure {
namespace {

// Shares of a round's time.
constexpr double kPeakPart = 0.05, kMemoryPart = 0.05, kStagesPart = 0.3, kStepsPart = 0.6;

// More bytes than any GPU's cache holds; on a small GPU a quarter of its memory.
Index uncached_bytes(const CudaDevice& gpu) {
  return std::min(Index{1} << 30, gpu.memory_bytes / 4);
}

// The engine of `steps`, whose device is cuda.
const CudaEngine& engine_of(const StepTimes& steps) {
  return dynamic_cast<const CudaEngine&>(steps.engine());
}

// The kernel times of all stages, round by round: those that the engine adds to the timeline.
class StageClock {
 public:
  StageClock(const ModelFile& model, const Dataset& data, const EngineOptions& options)
      : steps_(model, data, staged(options, timeline_)) {
    steps_.run(0);  // the first launch of each kernel loads it
    seconds_.resize(totals().size());
  }

  void run(double seconds) {
    const std::vector<std::int64_t> before = totals();
    const Index steps_before = timeline_.steps();
    steps_.run(seconds);
    const std::vector<std::int64_t> after = totals();
    const double scale = timeline_.scale().seconds_per_tick() /
                         static_cast<double>(timeline_.steps() - steps_before);
    for (std::size_t i = 0; i < after.size(); ++i) {
      seconds_[i].push_back(static_cast<double>(after[i] - before[i]) * scale);
    }
  }

  const CudaEngine& engine() const { return engine_of(steps_); }
  // Seconds of a step in each round; the input stage is the first.
  const std::vector<double>& seconds_of(std::size_t stage) const { return seconds_[stage]; }

 private:
  static EngineOptions staged(EngineOptions options, Timeline& timeline) {
    options.gpu.launching = Launching::stages;
    options.gpu.steps_per_launch = 0;
    options.timeline = &timeline;
    return options;
  }

  std::vector<std::int64_t> totals() const {
    const Track& track = timeline_.all_tracks().front();
    std::vector<std::int64_t> ticks{track.total(TimeKind::input)};
    for (Index i = 0; i < static_cast<Index>(timeline_.stages().size()); ++i) {
      ticks.push_back(track.total_of_stage(i));
    }
    return ticks;
  }

  Timeline timeline_;
  StepTimes steps_;
  std::vector<std::vector<double>> seconds_;  // [stage][round]
};

// Whole steps with one way of launching.
class LaunchBench {
 public:
  LaunchBench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
              Launching launching)
      : launching_(launching), steps_(model, data, launched(options, launching)) {
    steps_.run(0);
    launches_before_ = engine().launches();
    steps_before_ = steps_.steps_done();
  }

  void run(double seconds) { steps_.run(seconds); }

  StepResult result() const {
    const auto launches = static_cast<double>(engine().launches() - launches_before_);
    const auto steps = static_cast<double>(steps_.steps_done() - steps_before_);
    return {1, spread_of(steps_.seconds()), launching_, launches / steps};
  }

  const CudaEngine& engine() const { return engine_of(steps_); }

 private:
  static EngineOptions launched(EngineOptions options, Launching launching) {
    options.gpu.launching = launching;
    if (launching == Launching::stages) options.gpu.steps_per_launch = 0;
    return options;
  }

  Launching launching_;
  StepTimes steps_;
  Index launches_before_ = 0, steps_before_ = 0;
};

// One for each way of launching that suits the net, or only the requested one.
std::vector<LaunchBench> launch_benches(const ModelFile& model, const Dataset& data,
                                        const EngineOptions& options, BenchResult& result) {
  std::vector<LaunchBench> benches;
  if (options.gpu.launching != Launching::automatic) {
    benches.emplace_back(model, data, options, options.gpu.launching);
    return benches;
  }
  benches.emplace_back(model, data, options, Launching::stages);
  for (const Launching launching : {Launching::graph, Launching::persistent}) {
    try {
      benches.emplace_back(model, data, options, launching);
    } catch (const UserError& error) {
      if (error.fault() != Fault::unavailable) throw;
      result.left_out.push_back({launching, error.what()});
    }
  }
  return benches;
}

std::optional<StageLaunches> launches_of(const CudaEngine& engine, int stage) {
  const std::vector<StageLaunches> all = engine.stage_launches();
  const auto found = std::ranges::find(all, stage, &StageLaunches::stage);
  return found == all.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

BenchResult cuda_bench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
                       double seconds, const std::function<void(int round)>& heard) {
  BenchResult result;
  StageClock clock(model, data, options);
  std::vector<LaunchBench> benches = launch_benches(model, data, options, result);
  result.gpu = cuda_devices().front();
  Limits limits;
  limits.bandwidths.push_back({"memory", uncached_bytes(*result.gpu), 0});
  Limits::Bandwidth& memory = limits.bandwidths.front();
  for (int round = 0; round < kRounds; ++round) {
    heard(round);
    const double part = seconds / kRounds;
    limits.flops_per_second = std::max(limits.flops_per_second, cuda_fma_peak(kPeakPart * part));
    memory.bytes_per_second =
        std::max(memory.bytes_per_second, cuda_bandwidth(memory.bytes, kMemoryPart * part));
    clock.run(kStagesPart * part);
    for (LaunchBench& bench : benches) {
      bench.run(kStepsPart * part / static_cast<double>(benches.size()));
    }
  }
  result.limits.push_back(std::move(limits));
  std::vector<StageFacts> facts = gpu_stage_facts(model.net, options.batch);
  for (std::size_t i = 0; i < facts.size(); ++i) {
    result.stages.push_back({std::move(facts[i]), spread_of(clock.seconds_of(i)),
                             launches_of(clock.engine(), static_cast<int>(i) - 1)});
  }
  for (const LaunchBench& bench : benches) result.steps.push_back(bench.result());
  result.isa = clock.engine().isa();
  result.warnings = clock.engine().warnings();
  result.microbatch = options.batch;
  result.step_flops = model.net.flops_per_sample() * options.batch;
  result.step_bytes = bytes_of_step(model, result.stages);
  return result;
}

}  // namespace convoy::measure
