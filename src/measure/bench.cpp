// SPDX-License-Identifier: Apache-2.0
#include "measure/bench.hpp"

#include <algorithm>
#include <utility>

#include "data/synthetic.hpp"
#include "measure/rates.hpp"
#include "measure/steps.hpp"
#include "runtime/cpu/layout.hpp"

namespace convoy::measure {
namespace {

// Shares of a round's time.
constexpr double kPeakPart = 0.05, kMemoryPart = 0.08, kCachePart = 0.02;  // for each of two limits
constexpr double kStagesPart = 0.3, kStepsPart = 0.18;

// The limits for one number of threads, measured round by round.
class LimitBench {
 public:
  explicit LimitBench(int threads) {
    limits_.threads = threads;
    const CacheSizes caches = cache_sizes();
    add("memory", std::max(uncached_bytes() / threads, 4 * caches.second));
    add("L2", caches.second / 2);
    add("L1", caches.first / 2);
  }

  void run(double seconds) {
    raise(limits_.flops_per_second, fma_peak(limits_.threads, kPeakPart * seconds));
    for (std::size_t i = 0; i < triads_.size(); ++i) {
      const double part = i == 0 ? kMemoryPart : kCachePart;
      raise(limits_.bandwidths[i].bytes_per_second, triads_[i].rate(part * seconds));
    }
  }
  const Limits& limits() const { return limits_; }

 private:
  void add(const char* level, Index bytes) {
    triads_.emplace_back(limits_.threads, bytes);
    limits_.bandwidths.push_back({level, triads_.back().bytes() * limits_.threads, 0});
  }
  static void raise(double& highest, double value) { highest = std::max(highest, value); }

  Limits limits_;
  std::vector<Triad> triads_;
};

}  // namespace

Index bytes_of_step(const ModelFile& model, const std::vector<StageResult>& stages) {
  Index bytes = 0;
  for (const StageResult& stage : stages) bytes += stage.facts.bytes;
  // The sum of the gradients and the weights are read, and the new weights are written; slots and
  // average are read and written.
  const std::size_t slots = optimizer_of(model.net, model.train).slot_count();
  const Index arenas = 3 + 2 * static_cast<Index>(slots);
  return bytes + arenas * model.net.parameter_count() * Index{sizeof(float)};
}

void Limits::raise_to(const Limits& fewer) {
  flops_per_second = std::max(flops_per_second, fewer.flops_per_second);
  for (std::size_t i = 0; i < bandwidths.size(); ++i) {
    bandwidths[i].bytes_per_second =
        std::max(bandwidths[i].bytes_per_second, fewer.bandwidths[i].bytes_per_second);
  }
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  return {*lowest, *middle, *highest};
}

Dataset images_for(const Net& net) {
  constexpr Index kMost = 1024, kBytes = Index{32} << 20;
  return synthetic(SyntheticPart::train, std::clamp<Index>(kBytes / net.input().size(), 16, kMost),
                   net.input(), net.loss().classes);
}

BenchResult bench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
                  double seconds, const std::function<void(int round)>& heard) {
  BenchResult result;
  const Backend& backend = find_backend(options.cpu.isa);
  const Plan plan(model.net, choose_fusion(options, backend));
  const auto communicator = alone();
  const Layout layout = choose_layout(options, plan, *communicator);
  result.warnings = layout.warnings;
  std::vector<int> threads{1};
  if (layout.workers > 1) threads.push_back(layout.workers);

  std::vector<StepTimes> steps;
  std::vector<LimitBench> limits;
  for (const int count : threads) {
    EngineOptions some = options;
    some.cpu.threads = count;
    steps.emplace_back(model, data, some);
    limits.emplace_back(count);
  }
  EngineOptions one = options;
  one.cpu.threads = 1;
  const GroupShare share = choose_layout(one, plan, *communicator).share;
  const Buffer<float> parameters = initial_parameters(model.net, model.train.seed);
  StageTimes stages(plan, backend, data, parameters.span(), options.batch, share);

  for (int round = 0; round < kRounds; ++round) {
    heard(round);
    const double part = seconds / kRounds;
    for (std::size_t i = 0; i < threads.size(); ++i) {
      limits[i].run(part);
      steps[i].run(kStepsPart * part);
    }
    stages.run(kStagesPart * part);
  }

  result.isa = backend.name;
  result.microbatch = std::min(share.microbatch_grains * share.grain, options.batch);
  for (std::size_t i = 0; i < stages.stages().size(); ++i) {
    result.stages.push_back({stages.stages()[i], spread_of(stages.seconds_of(i)), {}});
  }
  for (std::size_t i = 0; i < threads.size(); ++i) {
    result.limits.push_back(limits[i].limits());
    if (i > 0) result.limits[i].raise_to(result.limits[0]);
    result.steps.push_back({threads[i], spread_of(steps[i].seconds()), {}, 0});
  }
  result.step_flops = model.net.flops_per_sample() * options.batch;
  result.step_bytes = bytes_of_step(model, result.stages);
  return result;
}

}  // namespace convoy::measure
