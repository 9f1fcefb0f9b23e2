// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "study/report.hpp"
#include "study/words.hpp"

namespace convoy::study {
namespace {

// The layouts of an experiment with ranks alone, with threads alone, or with both: each family is a
// curve over the number of workers. The serial layout is the first of each family.
struct Family {
  const char* label;
  bool (*holds)(const Grid& grid);
};
constexpr Family kFamilies[] = {{"threads", [](const Grid& g) { return g.ranks == 1; }},
                                {"ranks", [](const Grid& g) { return g.threads == 1; }},
                                {"ranks of threads", [](const Grid& g) {
                                   return g.workers() == 1 || (g.ranks > 1 && g.threads > 1);
                                 }}};

using Value = Estimate LayoutResult::*;

std::vector<Curve> by_workers(const ExperimentResult& result, Value value, double factor = 1) {
  std::vector<Curve> curves;
  for (const Family& family : kFamilies) {
    Curve curve;
    curve.label = family.label;
    std::vector<const LayoutResult*> layouts;
    for (const LayoutResult& layout : result.layouts) {
      if (family.holds(layout.grid) && !layout.runs.empty()) layouts.push_back(&layout);
    }
    std::ranges::stable_sort(layouts, {}, [](auto* layout) { return layout->grid.workers(); });
    if (layouts.size() < 2) continue;  // it has only the serial layout
    for (const LayoutResult* layout : layouts) {
      const Estimate& e = layout->*value;
      curve.x.push_back(layout->grid.workers());
      curve.y.push_back(factor * e.value);
      curve.low.push_back(factor * e.low);
      curve.high.push_back(factor * e.high);
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

int most_workers(const ExperimentResult& result) {
  int most = 1;
  for (const LayoutResult& layout : result.layouts) most = std::max(most, layout.grid.workers());
  return most;
}

Curve line(std::string label, int most, double (*value)(double, double), double parameter) {
  Curve curve;
  curve.label = std::move(label);
  curve.ideal = true;
  for (int p = 1; p <= most; ++p) {
    curve.x.push_back(p);
    curve.y.push_back(value(parameter, p));
  }
  return curve;
}

// Adds a vertical line; to its right there are more workers than cores, or GPUs, so they take
// turns.
CurvePlot with_capacity(CurvePlot plot, const Capacity& capacity) {
  double most_x = 0, most_y = 0;
  for (const Curve& curve : plot.curves) {
    for (const double x : curve.x) most_x = std::max(most_x, x);
    for (const double y : curve.y) most_y = std::max(most_y, y);
  }
  if (most_x <= capacity.count) return plot;
  Curve line;
  line.label = fmt::format("{}s: {}", capacity.noun, capacity.count);
  line.ideal = true;
  line.x = {static_cast<double>(capacity.count), static_cast<double>(capacity.count)};
  line.y = {0, most_y};
  plot.curves.push_back(std::move(line));
  return plot;
}

CurvePlot speedup_plot(const ExperimentResult& result, const std::string& id) {
  const bool weak = result.experiment->scaling == Scaling::weak;
  const int most = most_workers(result);
  CurvePlot plot{id + "-speedup",
                 weak ? "Scaled speedup" : "Speedup",
                 "workers (ranks x threads)",
                 weak ? "scaled speedup" : "speedup",
                 by_workers(result, &LayoutResult::speedup),
                 true};
  plot.curves.insert(plot.curves.begin(),
                     line(
                         "ideal", most, [](double, double p) { return p; }, 0));
  if (std::isfinite(result.serial_fraction.value)) {
    plot.curves.push_back(line(fmt::format("{}, serial fraction {}", weak ? "Gustafson" : "Amdahl",
                                           digits(result.serial_fraction.value)),
                               most, weak ? gustafson_speedup : amdahl_speedup,
                               result.serial_fraction.value));
  }
  return plot;
}

CurvePlot efficiency_plot(const ExperimentResult& result, const std::string& id) {
  CurvePlot plot{id + "-efficiency",
                 "Efficiency",
                 "workers (ranks x threads)",
                 "efficiency (%)",
                 by_workers(result, &LayoutResult::efficiency, 100),
                 true};
  plot.curves.insert(plot.curves.begin(),
                     line(
                         "ideal", most_workers(result), [](double, double) { return 100.0; }, 0));
  return plot;
}

CurvePlot time_plot(const ExperimentResult& result, const std::string& id) {
  return CurvePlot{id + "-time",
                   "Training time",
                   "workers (ranks x threads)",
                   "seconds per epoch",
                   by_workers(result, &LayoutResult::epoch_seconds),
                   true};
}

bool is_tested(const LayoutResult& layout) {
  return !layout.runs.empty() && std::isfinite(layout.accuracy);
}

// One curve for each digest: layouts with the same digest learn the same, epoch by epoch.
Plot by_epoch(const ExperimentResult& result, const std::string& id, bool accuracy) {
  CurvePlot plot{id + (accuracy ? "-accuracy" : "-loss"),
                 accuracy ? "Test accuracy over epochs" : "Training loss over epochs",
                 "epoch",
                 accuracy ? "test accuracy (%)" : "mean training loss",
                 {},
                 !accuracy};
  std::vector<std::string> digests;
  for (const LayoutResult& layout : result.layouts) {
    if (layout.runs.empty()) continue;
    const RunRecord& run = *layout.runs.front();
    const auto known = std::ranges::find(digests, run.weights_sha256);
    if (known != digests.end()) {
      plot.curves[static_cast<std::size_t>(known - digests.begin())].label +=
          ", " + to_string(layout.grid);
      continue;
    }
    digests.push_back(run.weights_sha256);
    Curve curve;
    curve.label = to_string(layout.grid);
    for (std::size_t e = 0; e < run.epochs.size(); ++e) {
      curve.x.push_back(static_cast<double>(e + 1));
      curve.y.push_back(accuracy ? 100 * run.epochs[e].test_accuracy : run.epochs[e].train_loss);
    }
    plot.curves.push_back(std::move(curve));
  }
  return plot;
}

// The curves are those of the run with the median time of each layout.
Plot by_seconds(const ExperimentResult& result, const std::string& id, bool accuracy) {
  CurvePlot plot{id + (accuracy ? "-accuracy-seconds" : "-loss-seconds"),
                 accuracy ? "Test accuracy over time" : "Training loss over time",
                 "seconds of training",
                 accuracy ? "test accuracy (%)" : "mean training loss",
                 {},
                 !accuracy};
  for (const LayoutResult& layout : result.layouts) {
    if (layout.runs.empty()) continue;
    std::vector<const RunRecord*> runs = layout.runs;
    std::ranges::sort(runs, {}, &RunRecord::train_seconds);
    const RunRecord& run = *runs[runs.size() / 2];
    Curve curve;
    curve.label = to_string(layout.grid);
    double seconds = 0;
    for (const EpochRecord& epoch : run.epochs) {
      seconds += epoch.seconds;
      curve.x.push_back(seconds);
      curve.y.push_back(accuracy ? 100 * epoch.test_accuracy : epoch.train_loss);
    }
    plot.curves.push_back(std::move(curve));
  }
  return plot;
}

Plot breakdown_plot(const ExperimentResult& result, const std::string& id) {
  BarPlot plot{
      id + "-breakdown", "Where the time of a step goes", "share of a worker's time (%)", {}, {}};
  constexpr std::pair<const char*, double TimeShares::*> kParts[] = {
      {"compute", &TimeShares::compute},
      {"input", &TimeShares::input},
      {"reduction", &TimeShares::reduction},
      {"update", &TimeShares::update},
      {"communication", &TimeShares::communication},
      {"waiting", &TimeShares::waiting}};
  for (const auto& [label, part] : kParts) plot.parts.push_back({label, {}});
  for (const LayoutResult& layout : result.layouts) {
    if (layout.runs.empty()) continue;
    plot.groups.push_back(to_string(layout.grid));
    for (std::size_t i = 0; i < plot.parts.size(); ++i) {
      plot.parts[i].values.push_back(100 * layout.shares.*kParts[i].second);
    }
  }
  return plot;
}

CurvePlot layer_plot(const ExperimentResult& result, const std::string& id) {
  CurvePlot plot{
      id + "-layers", "Speedup of each layer", "workers (ranks x threads)", "speedup", {}, true};
  plot.curves.push_back(line(
      "ideal", most_workers(result), [](double, double p) { return p; }, 0));
  for (const LayerResult& layer : result.layers) {
    for (const Family& family : kFamilies) {
      Curve curve;
      curve.label = fmt::format("{}, {}", layer.name, family.label);
      std::vector<const LayerResult::AtLayout*> points;
      for (const auto& at : layer.layouts) {
        if (family.holds(at.layout->grid) && !at.layout->withheld) points.push_back(&at);
      }
      std::ranges::stable_sort(points, {}, [](auto* at) { return at->layout->grid.workers(); });
      if (points.size() < 2) continue;
      for (const auto* at : points) {
        curve.x.push_back(at->layout->grid.workers());
        curve.y.push_back(at->speedup.value);
        curve.low.push_back(at->speedup.low);
        curve.high.push_back(at->speedup.high);
      }
      plot.curves.push_back(std::move(curve));
    }
  }
  return plot;
}

}  // namespace

std::vector<Figure> figures(const ExperimentResult& result, const Capacity& capacity) {
  const std::string id = slug(result.experiment->name);
  const bool weak = result.experiment->scaling == Scaling::weak;
  std::vector<Figure> all;
  if (most_workers(result) > 1) {
    all.push_back(
        {with_capacity(speedup_plot(result, id), capacity),
         fmt::format(
             "Speedup against the serial run, with 95 % intervals; thin lines: ideal speedup, "
             "{} count, fitted {} law.",
             capacity.noun, weak ? "Gustafson's" : "Amdahl's")});
    all.push_back({with_capacity(efficiency_plot(result, id), capacity),
                   "Speedup divided by the number of workers, with 95 % intervals."});
    all.push_back({with_capacity(time_plot(result, id), capacity),
                   "Time of the training steps alone, with 95 % intervals."});
  }
  if (is_profiled(result)) {
    all.push_back(
        {breakdown_plot(result, id),
         "How an average worker spends its time, by layout (ranks x threads). The remainder "
         "was not measured."});
  }
  all.push_back(
      {by_epoch(result, id, false), "Layouts that trained the same weights share a curve."});
  all.push_back({by_seconds(result, id, false), "For each layout, the run with the median time."});
  if (std::ranges::any_of(result.layouts, is_tested)) {
    all.push_back({by_epoch(result, id, true),
                   "Measured on the test images, for the same curves as the loss."});
    all.push_back({by_seconds(result, id, true),
                   "Measured on the test images, for the same runs as the loss."});
  }
  if (!result.layers.empty()) {
    all.push_back({with_capacity(layer_plot(result, id), capacity),
                   "Each layer with its activation, measured alone (forward and backward), and the "
                   "whole net."});
  }
  return all;
}

}  // namespace convoy::study
