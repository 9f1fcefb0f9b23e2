// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/analysis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "convoy/study/flags.hpp"
#include "convoy/study/layers.hpp"

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

double epoch_seconds(const RunRecord& run) {
  return run.train_seconds / static_cast<double>(std::max<std::size_t>(run.epochs.size(), 1));
}

double step_seconds(const RunRecord& run) {
  return run.train_seconds / static_cast<double>(std::max<std::int64_t>(run.steps, 1));
}

double trained_samples(const RunRecord& run) {
  return static_cast<double>(run.samples) * static_cast<double>(run.epochs.size());
}

// Of the same round in both.
template <class Value>
Estimate paired_ratio(const Runs& above, const Runs& below, const Value& value) {
  std::vector<double> a, b;
  for (const RunRecord* one : above) {
    const auto other = std::ranges::find(below, one->round, &RunRecord::round);
    if (other == below.end()) continue;
    a.push_back(value(*one));
    b.push_back(value(**other));
  }
  return ratio(a, b);
}

std::optional<double> seconds_to(const RunRecord& run, double accuracy) {
  double seconds = 0;
  for (const EpochRecord& epoch : run.epochs) {
    seconds += epoch.seconds;
    if (epoch.test_accuracy >= accuracy) return seconds;
  }
  return std::nullopt;
}

double last_accuracy(const RunRecord& run) {
  return run.epochs.empty() ? 0 : run.epochs.back().test_accuracy;
}

// What all reach: the lowest of the last accuracies, in whole tenths of a percent.
double target_of(const Study& study) {
  if (study.plan.target_accuracy) return *study.plan.target_accuracy;
  double lowest = 1;
  for (const RunRecord& run : study.runs) lowest = std::min(lowest, last_accuracy(run));
  return study.runs.empty() ? 0 : std::floor(lowest * 1000) / 1000;
}

TimeShares average_shares(const Runs& runs) {
  TimeShares sum;
  double seconds = 0;
  for (const RunRecord* run : runs) {
    seconds += run->profile_seconds;
    sum.compute += run->shares.compute;
    sum.input += run->shares.input;
    sum.waiting += run->shares.waiting;
    sum.communication += run->shares.communication;
    sum.reduction += run->shares.reduction;
    sum.update += run->shares.update;
  }
  if (!(seconds > 0)) return {};
  return {sum.compute / seconds,       sum.input / seconds,     sum.waiting / seconds,
          sum.communication / seconds, sum.reduction / seconds, sum.update / seconds};
}

Estimate share_of_peak(const Study& study, const LayoutResult& layout) {
  const int threads = std::min(layout.grid.workers(), study.machine.facts.usable_cores);
  const auto peak = std::ranges::find(study.peaks, threads, &PeakRecord::threads);
  if (peak == study.peaks.end() || !(peak->flops_per_second > 0)) return kUnknown;
  return over(layout.runs, [&](const RunRecord& run) {
    return trained_samples(run) * static_cast<double>(study.flops_per_sample) / run.train_seconds /
           peak->flops_per_second;
  });
}

// What a layout comes to without any other.
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
  result.images_per_second = over(
      result.runs, [](const RunRecord& run) { return trained_samples(run) / run.train_seconds; });
  result.share_of_peak = share_of_peak(study, result);
  if (result.runs.empty()) return result;
  const RunRecord& first = *result.runs.front();
  result.batch = first.batch;
  if (!first.epochs.empty()) {
    result.accuracy = first.epochs.back().test_accuracy;
    result.loss = first.epochs.back().train_loss;
  }
  result.shares = average_shares(result.runs);
  result.bytes_per_step = static_cast<double>(first.bytes_sent) /
                          static_cast<double>(std::max<std::int64_t>(first.steps, 1));
  for (const RunRecord* run : result.runs) {
    result.peak_memory_bytes = std::max(result.peak_memory_bytes, run->peak_memory_bytes);
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

void compare(LayoutResult& layout, const Experiment& experiment, const LayoutResult& serial,
             double accuracy) {
  layout.withheld = !comparable(experiment, layout, serial);
  if (layout.withheld) return;
  const int workers = layout.grid.workers();
  if (experiment.scaling == Scaling::strong) {
    layout.speedup = paired_ratio(serial.runs, layout.runs,
                                  [](const RunRecord& run) { return run.train_seconds; });
  } else {
    layout.speedup = paired_ratio(serial.runs, layout.runs, step_seconds);
    for (double* v : {&layout.speedup.value, &layout.speedup.low, &layout.speedup.high}) {
      *v *= workers;
    }
  }
  layout.efficiency = efficiency(layout.speedup, workers);
  layout.serial_share = karp_flatt(layout.speedup, workers);
  if (layout.reaches_target && serial.reaches_target) {
    layout.target_speedup = paired_ratio(
        serial.runs, layout.runs, [&](const RunRecord& run) { return *seconds_to(run, accuracy); });
  }
}

// Points within the cores of the machine, whose times are not those of taking turns.
Estimate fit(const Study& study, const ExperimentResult& result, const LayoutResult& serial) {
  const bool strong = result.experiment->scaling == Scaling::strong;
  const auto seconds = [&](const RunRecord& run) {
    return strong ? run.train_seconds : step_seconds(run);
  };
  std::vector<ScalingRound> rounds;
  for (const RunRecord* base : serial.runs) {
    ScalingRound round{seconds(*base), {}, {}};
    for (const LayoutResult& layout : result.layouts) {
      const int workers = layout.grid.workers();
      if (layout.withheld || workers > study.machine.facts.usable_cores) continue;
      const auto run = std::ranges::find(layout.runs, base->round, &RunRecord::round);
      if (run == layout.runs.end()) continue;
      round.workers.push_back(workers);
      round.seconds.push_back(seconds(**run));
    }
    rounds.push_back(std::move(round));
  }
  return strong ? amdahl_fraction(rounds) : gustafson_fraction(rounds);
}

// For each experiment, the one whose serial layout was the fastest of those that train the same.
std::vector<std::size_t> best_serial(const Study& study,
                                     const std::vector<ExperimentResult>& results) {
  std::map<std::vector<std::string>, std::size_t> best;
  std::vector<std::vector<std::string>> problems;
  for (std::size_t e = 0; e < results.size(); ++e) {
    problems.push_back(train_words(study.plan, {e, 0}));
    const auto [at, is_new] = best.try_emplace(problems[e], e);
    const double known = results[at->second].layouts[0].epoch_seconds.value;
    if (!is_new && results[e].layouts[0].epoch_seconds.value < known) at->second = e;
  }
  std::vector<std::size_t> chosen;
  for (const auto& problem : problems) chosen.push_back(best[problem]);
  return chosen;
}

}  // namespace

Results analyse(const Study& study) {
  Results results;
  results.target_accuracy = target_of(study);
  for (std::size_t e = 0; e < study.plan.experiments.size(); ++e) {
    ExperimentResult& result = results.experiments.emplace_back();
    result.experiment = &study.plan.experiments[e];
    for (std::size_t l = 0; l < result.experiment->layouts.size(); ++l) {
      result.layouts.push_back(alone(study, e, l));
      find_target(result.layouts.back(), results.target_accuracy);
    }
  }
  const std::vector<std::size_t> chosen = best_serial(study, results.experiments);
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    ExperimentResult& result = results.experiments[e];
    const LayoutResult serial = results.experiments[chosen[e]].layouts[0];
    for (LayoutResult& layout : result.layouts) {
      compare(layout, *result.experiment, serial, results.target_accuracy);
      layout.flags = flags_of(study, *result.experiment, layout, serial);
    }
    result.serial_fraction = fit(study, result, serial);
    if (result.experiment->per_layer) result.layers = layer_results(study, result);
  }
  results.flags = flags_of(study);
  return results;
}

}  // namespace convoy::study
