// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/layers.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace convoy::study {
namespace {

constexpr std::string_view kForward = "forward";

using Seconds = std::function<double(const RunRecord&)>;  // of a step

// "conv1" of "conv1" and of its activation "conv1.relu".
std::string_view layer_of(std::string_view stage) {
  return stage.substr(0, stage.find('.'));
}

enum class Part { forward, backward, both };

Seconds seconds_in(const std::string& layer, Part part) {
  return [layer, part](const RunRecord& run) {
    double sum = 0;
    for (const LayerRecord& record : run.layers) {
      const bool forward = record.pass == kForward;
      if (layer_of(record.layer) != layer || record.pass == "loss") continue;
      if (part == Part::both || (part == Part::forward) == forward) sum += record.seconds;
    }
    return sum / static_cast<double>(std::max<std::int64_t>(run.steps, 1));
  };
}

Estimate over(const LayoutResult& layout, const Seconds& seconds) {
  std::vector<double> values;
  for (const RunRecord* run : layout.runs) values.push_back(seconds(*run));
  return geometric_mean(values);
}

LayerResult::AtLayout at_layout(const LayoutResult& layout, const LayoutResult& serial,
                                const Seconds& forward, const Seconds& backward,
                                const Seconds& both) {
  LayerResult::AtLayout result{
      &layout, over(layout, forward), over(layout, backward), over(layout, both), {}, {}};
  std::vector<double> above, below;
  for (const Pair& pair : paired(serial, layout)) {
    above.push_back(both(*pair.of_first));
    below.push_back(both(*pair.of_second));
  }
  result.speedup = ratio(above, below);
  result.efficiency = efficiency(result.speedup, layout.grid.workers());
  return result;
}

}  // namespace

std::vector<LayerResult> layer_results(const Study& study, const ExperimentResult& result) {
  std::vector<LayerResult> layers;
  const LayoutResult& serial = result.layouts.front();
  const auto add = [&](const std::string& name, const std::string& type, const Seconds& forward,
                       const Seconds& backward, const Seconds& both) {
    LayerResult& layer = layers.emplace_back(LayerResult{name, type, {}});
    for (const LayoutResult& layout : result.layouts) {
      if (layout.runs.empty()) continue;
      layer.layouts.push_back(at_layout(layout, serial, forward, backward, both));
    }
  };
  for (const LayerFacts& facts : study.layers) {
    if (layer_of(facts.name) != facts.name) continue;  // an activation: part of its layer
    add(facts.name, facts.type, seconds_in(facts.name, Part::forward),
        seconds_in(facts.name, Part::backward), seconds_in(facts.name, Part::both));
  }
  const auto whole = [](bool want_forward) {
    return [want_forward](const RunRecord& run) {
      double sum = 0;
      for (const LayerRecord& record : run.layers) {
        if ((record.pass == kForward) == want_forward) sum += record.seconds;
      }
      return sum / static_cast<double>(std::max<std::int64_t>(run.steps, 1));
    };
  };
  add("whole net", "", whole(true), whole(false), [](const RunRecord& run) {
    return run.train_seconds / static_cast<double>(std::max<std::int64_t>(run.steps, 1));
  });
  return layers;
}

}  // namespace convoy::study
