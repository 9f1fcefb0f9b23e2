// SPDX-License-Identifier: Apache-2.0
#include "study/analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "study/flags.hpp"
#include "study/layers.hpp"

namespace convoy::study {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr Estimate kUnknown{kNan, kNan, kNan};

using Runs = std::vector<const RunRecord*>;

template <class Value>
Estimate over(const Runs& runs, const Value& value) {
  std::vector<double> values;
  for (const RunRecord* run : runs) values.push_back(value(*run));
  return geometric_mean(values);
}

double train_seconds(const RunRecord& run) {
  return run.train_seconds;
}

double epoch_seconds(const RunRecord& run) {
  return run.train_seconds / static_cast<double>(run.epochs.size());
}

double step_seconds(const RunRecord& run) {
  return run.train_seconds / static_cast<double>(run.steps);
}

double trained_images(const RunRecord& run) {
  return static_cast<double>(run.samples) * static_cast<double>(run.epochs.size());
}

double image_seconds(const RunRecord& run) {
  return run.train_seconds / trained_images(run);
}

// The ratio value(serial) / value(layout) in each round.
template <class Value>
Estimate gain(const LayoutResult& serial, const LayoutResult& layout, const Value& value) {
  std::vector<double> above, below;
  for (const Pair& pair : paired(serial, layout)) {
    above.push_back(value(*pair.of_first));
    below.push_back(value(*pair.of_second));
  }
  return ratio(above, below);
}

// A serial fraction is from 0 to 1; if a formula gives another value, the law does not hold.
Estimate if_fraction(const Estimate& estimate) {
  constexpr double kRounding = 1e-9;
  if (!(estimate.value >= -kRounding && estimate.value <= 1 + kRounding)) return kUnknown;
  return estimate;
}

std::optional<double> seconds_to(const RunRecord& run, double accuracy) {
  double seconds = 0;
  for (const EpochRecord& epoch : run.epochs) {
    seconds += epoch.seconds;
    if (epoch.test_accuracy >= accuracy) return seconds;
  }
  return std::nullopt;
}

// The target that all runs reach: the lowest of their last accuracies, in whole tenths of a
// percent.
double target_of(const Study& study, const ExperimentResult& result) {
  if (study.plan.target_accuracy) return *study.plan.target_accuracy;
  double lowest = std::numeric_limits<double>::quiet_NaN();
  for (const LayoutResult& layout : result.layouts) {
    for (const RunRecord* run : layout.runs) {
      lowest = std::fmin(lowest, run->epochs.back().test_accuracy);  // which passes over NaN
    }
  }
  return std::floor(lowest * 1000) / 1000;
}

TimeShares average_shares(const Runs& runs) {
  TimeShares sum;
  double seconds = 0;
  for (const RunRecord* run : runs) {
    seconds += run->profile_seconds;
    sum += run->shares;
  }
  return seconds > 0 ? sum / seconds : TimeShares();
}

Estimate share_of_peak(const Study& study, const LayoutResult& layout) {
  const int workers = std::min(layout.grid.workers(), capacity_of(study).count);
  const bool gpu = study.plan.device == "cuda";  // each GPU has a peak of its own
  const auto peak = std::ranges::find(study.peaks, gpu ? 1 : workers, &PeakRecord::threads);
  if (peak == study.peaks.end() || !(peak->flops_per_second > 0)) return kUnknown;
  for (const RunRecord* run :
       layout.runs) {  // this machine's peak does not apply to another machine
    if (run->cpu != study.machine.facts.cpu) return kUnknown;
  }
  return over(layout.runs, [&](const RunRecord& run) {
    return trained_images(run) * static_cast<double>(study.flops_per_sample) / run.train_seconds /
           (peak->flops_per_second * (gpu ? workers : 1));
  });
}

// The results of a layout that need no other layout.
LayoutResult alone(const Study& study, std::size_t experiment, std::size_t number) {
  LayoutResult result;
  result.grid = study.plan.experiments[experiment].layouts[number];
  for (const RunRecord& run : study.runs) {
    if (run.experiment == experiment && run.layout == number) result.runs.push_back(&run);
  }
  std::ranges::sort(result.runs, {}, &RunRecord::round);
  for (Estimate* e : {&result.speedup, &result.efficiency, &result.serial_share,
                      &result.target_seconds, &result.target_speedup}) {
    *e = kUnknown;
  }
  result.epoch_seconds = over(result.runs, epoch_seconds);
  result.step_seconds = over(result.runs, step_seconds);
  result.images_per_second =
      over(result.runs, [](const RunRecord& run) { return 1 / image_seconds(run); });
  result.share_of_peak = share_of_peak(study, result);
  if (result.runs.empty()) return result;
  const RunRecord& first = *result.runs.front();
  result.batch = first.batch;
  result.accuracy = first.epochs.back().test_accuracy;
  result.loss = first.epochs.back().train_loss;
  result.shares = average_shares(result.runs);
  result.bytes_per_step = static_cast<double>(first.bytes_sent) / static_cast<double>(first.steps);
  if (first.launches_per_step) {
    result.launches_per_step =
        over(result.runs, [](const RunRecord& run) { return run.launches_per_step.value_or(0); });
  }
  for (const RunRecord* run : result.runs) {
    result.peak_memory_bytes = std::max(result.peak_memory_bytes, run->peak_memory_bytes);
    result.busy_cores = std::max({result.busy_cores, run->busy_before, run->busy_during});
  }
  return result;
}

void find_target(LayoutResult& layout, double accuracy) {
  layout.reaches_target = !layout.runs.empty() && std::ranges::all_of(layout.runs, [&](auto* run) {
    return seconds_to(*run, accuracy).has_value();
  });
  if (!layout.reaches_target) return;
  layout.target_seconds =
      over(layout.runs, [&](const RunRecord& run) { return *seconds_to(run, accuracy); });
}

void compare(LayoutResult& layout, const ExperimentResult& result, const LayoutResult& serial) {
  const Experiment& experiment = *result.experiment;
  if (layout.reaches_target && std::isfinite(serial.target_seconds.value)) {
    layout.target_speedup = gain(serial, layout, [&](const RunRecord& run) {
      return *seconds_to(run, result.target_accuracy);
    });
  }
  layout.withheld = !comparable(experiment, layout, serial);
  if (layout.withheld) return;
  const int workers = layout.grid.workers();
  const bool strong = experiment.scaling == Scaling::strong;
  layout.speedup = gain(serial, layout, strong ? train_seconds : image_seconds);
  layout.efficiency = efficiency(layout.speedup, workers);
  layout.serial_share = if_fraction(strong ? karp_flatt(layout.speedup, workers)
                                           : gustafson_share(layout.speedup, workers));
}

// Fits the points within the cores of the machine; beyond them workers take turns.
void fit(ExperimentResult& result, const LayoutResult& serial, int capacity) {
  const bool strong = result.experiment->scaling == Scaling::strong;
  std::vector<ScalingRound> rounds;
  for (const RunRecord* base : serial.runs) {
    ScalingRound& round = rounds.emplace_back();
    round.serial = strong ? train_seconds(*base) : image_seconds(*base);
    for (const LayoutResult& layout : result.layouts) {
      const int workers = layout.grid.workers();
      const auto run = std::ranges::find(layout.runs, base->round, &RunRecord::round);
      if (layout.withheld || workers > capacity || run == layout.runs.end()) continue;
      round.workers.push_back(workers);
      // Seconds per image and worker: work that grows with the number of workers.
      round.seconds.push_back(strong ? train_seconds(**run) : workers * image_seconds(**run));
      if (workers > 1) result.fitted.push_back(workers);
    }
  }
  std::ranges::sort(result.fitted);
  result.fitted.erase(std::unique(result.fitted.begin(), result.fitted.end()), result.fitted.end());
  result.serial_fraction =
      if_fraction(strong ? amdahl_fraction(rounds) : gustafson_fraction(rounds));
}

// Identifies the problem that the serial layout of an experiment solved: layouts that reached the
// same weights by the same steps solved one problem, fused or not. Without a digest the problem is
// unique to the experiment.
std::string problem_of(const LayoutResult& serial, std::size_t experiment) {
  if (!comparable({}, serial, serial)) return fmt::format("experiment {}", experiment);
  const RunRecord& run = *serial.runs.front();
  return fmt::format("{} {} {} {}", run.weights_sha256, run.batch, run.samples, run.epochs.size());
}

// For each experiment, the experiment whose serial layout was the fastest with the same problem:
// its own, unless another was clearly faster (among equal ones the luckiest would make all others
// look slow).
std::vector<std::size_t> best_serial(const std::vector<ExperimentResult>& results) {
  std::vector<std::size_t> chosen;
  for (std::size_t e = 0; e < results.size(); ++e) {
    const LayoutResult& own = results[e].layouts.front();
    std::size_t best = e;
    double most = 1;
    for (std::size_t other = 0; other < results.size(); ++other) {
      const LayoutResult& serial = results[other].layouts.front();
      if (problem_of(serial, other) != problem_of(own, e)) continue;
      const Estimate faster = gain(own, serial, train_seconds);
      if (faster.low > 1 && faster.value > most) {
        best = other;
        most = faster.value;
      }
    }
    chosen.push_back(best);
  }
  return chosen;
}

}  // namespace

std::vector<Pair> paired(const LayoutResult& first, const LayoutResult& second) {
  std::vector<Pair> pairs;
  for (const RunRecord* run : first.runs) {
    const auto other = std::ranges::find(second.runs, run->round, &RunRecord::round);
    if (other != second.runs.end()) pairs.push_back({run, *other});
  }
  return pairs;
}

Results analyse(const Study& study) {
  Results results;
  results.capacity = capacity_of(study);
  for (std::size_t e = 0; e < study.plan.experiments.size(); ++e) {
    ExperimentResult& result = results.experiments.emplace_back();
    result.experiment = &study.plan.experiments[e];
    for (std::size_t l = 0; l < result.experiment->layouts.size(); ++l) {
      result.layouts.push_back(alone(study, e, l));
    }
    result.target_accuracy = target_of(study, result);
    for (LayoutResult& layout : result.layouts) find_target(layout, result.target_accuracy);
  }
  const std::vector<std::size_t> chosen = best_serial(results.experiments);
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    ExperimentResult& result = results.experiments[e];
    LayoutResult base = results.experiments[chosen[e]].layouts.front();
    base.target_seconds = kUnknown;  // this experiment may have another target
    find_target(base, result.target_accuracy);
    result.serial = study.plan.experiments[chosen[e]].name;
    for (LayoutResult& layout : result.layouts) {
      compare(layout, result, base);
      layout.flags = flags_of(study, *result.experiment, layout, base);
    }
    fit(result, base, results.capacity.count);
    if (result.experiment->per_layer) result.layers = layer_results(study, result);
  }
  results.flags = flags_of(study);
  return results;
}

}  // namespace convoy::study
