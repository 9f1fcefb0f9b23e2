// SPDX-License-Identifier: Apache-2.0
#include "commands/run_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace convoy::app {
namespace {

using Runs = std::span<const RunRecord>;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Quantity {
  std::string name;
  std::function<double(const EpochMetrics&)> value;  // NaN if there is none
};

const Quantity kTrainLoss{"training", [](const EpochMetrics& e) { return e.train_loss; }};
const Quantity kValidationLoss{
    "validation", [](const EpochMetrics& e) { return e.validation_loss.value_or(kNone); }};
const Quantity kTestLoss{"test", [](const EpochMetrics& e) { return e.test_loss; }};
const Quantity kTrainAccuracy{
    "training", [](const EpochMetrics& e) { return 100 * e.train_accuracy.value_or(kNone); }};
const Quantity kValidationAccuracy{"validation", [](const EpochMetrics& e) {
                                     return 100 * e.validation_accuracy.value_or(kNone);
                                   }};
const Quantity kTestAccuracy{"test", [](const EpochMetrics& e) { return 100 * e.test_accuracy; }};

Curve curve(const RunRecord& run, const Quantity& quantity, bool over_seconds,
            const std::string& label) {
  Curve result;
  result.label = label;
  double seconds = 0;
  for (const EpochMetrics& epoch : run.epochs) {
    seconds += epoch.seconds;
    result.x.push_back(over_seconds ? seconds : static_cast<double>(epoch.epoch));
    result.y.push_back(quantity.value(epoch));
  }
  return result;
}

// Adds a pair of plots of one quantity of all runs, or of several quantities of one run.
void add_pair(std::vector<CurvePlot>& plots, Runs runs, const std::string& name,
              const std::string& title, const std::vector<Quantity>& quantities, bool from_zero,
              const std::string& y_label) {
  for (const bool over_seconds : {false, true}) {
    CurvePlot plot;
    plot.name = name + (over_seconds ? "-seconds" : "-epochs");
    plot.title = title + (over_seconds ? " over seconds" : " over epochs");
    plot.x_label = over_seconds ? "seconds of training" : "epochs";
    plot.y_label = y_label;
    plot.y_from_zero = from_zero;
    for (const RunRecord& run : runs) {
      for (const Quantity& quantity : quantities) {
        plot.curves.push_back(
            curve(run, quantity, over_seconds, runs.size() == 1 ? quantity.name : run.name));
      }
    }
    plots.push_back(std::move(plot));
  }
}

}  // namespace

std::vector<CurvePlot> learning_curves(Runs runs) {
  const bool tested = std::ranges::any_of(runs, [](const RunRecord& run) {
    return std::ranges::any_of(run.epochs,
                               [](const EpochMetrics& e) { return !std::isnan(e.test_accuracy); });
  });
  std::vector<CurvePlot> plots;
  const auto add = [&](const char* name, const char* title, const std::vector<Quantity>& quantities,
                       bool from_zero, const char* y_label) {
    add_pair(plots, runs, name, title, quantities, from_zero, y_label);
  };
  if (runs.size() == 1) {
    add("loss", "Loss", {kTrainLoss, kValidationLoss, kTestLoss}, true, "mean loss");
    add("accuracy", "Accuracy", {kTrainAccuracy, kValidationAccuracy, kTestAccuracy}, false,
        "accuracy (%)");
  } else {
    add("train-loss", "Training loss", {kTrainLoss}, true, "mean loss");
    if (!tested) return plots;
    add("test-loss", "Test loss", {kTestLoss}, true, "mean loss");
    add("test-accuracy", "Test accuracy", {kTestAccuracy}, false, "accuracy (%)");
  }
  return plots;
}

std::string curve_caption(const CurvePlot& plot) {
  const bool training = plot.name.starts_with("train-loss") || plot.name.starts_with("loss");
  return fmt::format("{}{}.", plot.title,
                     training
                         ? "; the training loss of a sample is measured before its step's update"
                         : ", after each epoch");
}

}  // namespace convoy::app
