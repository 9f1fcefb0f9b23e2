// SPDX-License-Identifier: Apache-2.0
#include "study/layers.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <string_view>

namespace convoy::study {
namespace {

constexpr std::string_view kForward = "forward", kLoss = "loss";

using Seconds = std::function<double(const RunRecord&)>;  // per step

// "conv1" for "conv1" and for its activation "conv1.relu".
std::string_view layer_of(std::string_view stage) {
  return stage.substr(0, stage.find('.'));
}

enum class Part { forward, backward, both };

Seconds seconds_in(const std::string& layer, Part part) {
  return [layer, part](const RunRecord& run) {
    double sum = 0;
    for (const LayerRecord& record : run.layers) {
      const bool forward = record.pass == kForward;
      if (layer_of(record.layer) != layer || record.pass == kLoss) continue;
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
      &layout, over(layout, forward), over(layout, backward), over(layout, both), {}, {}, {}};
  std::vector<double> above, below;
  for (const Pair& pair : paired(serial, layout)) {
    above.push_back(both(*pair.of_first));
    below.push_back(both(*pair.of_second));
  }
  result.speedup = ratio(above, below);
  result.efficiency = efficiency(result.speedup, layout.grid.workers());
  return result;
}

// The use of the kernels of the stages that `counts` names, which take `seconds` of a step on every
// rank.
template <class Counts>
std::optional<KernelUse> kernel_use(const Study& study, const LayoutResult& layout, double seconds,
                                    const Counts& counts) {
  if (!on_gpu(layout)) return std::nullopt;
  KernelUse use;
  double flops = 0, bytes = 0;
  for (const LayerRecord& record : layout.runs.front()->layers) {
    if (!record.kernels || !counts(record)) continue;
    use.launches += static_cast<double>(record.kernels->launches);
    use.threads = std::max(use.threads, record.kernels->threads);
    flops += static_cast<double>(record.kernels->flops);
    bytes += static_cast<double>(record.kernels->bytes);
  }
  const int gpus = std::min(layout.grid.workers(), capacity_of(study).count);
  const PeakRecord peak = study.peaks.empty() ? PeakRecord{} : study.peaks.front();
  const auto of = [&](double done, double most) {
    const double possible = seconds * most * gpus;
    return done > 0 && possible > 0 ? done / possible : std::numeric_limits<double>::quiet_NaN();
  };
  use.share_of_peak = of(flops, peak.flops_per_second);
  use.share_of_bandwidth = of(bytes, peak.bytes_per_second);
  return use;
}

void add_kernels(const Study& study, LayerResult& layer) {
  const bool whole = layer.type.empty();
  for (LayerResult::AtLayout& at : layer.layouts) {
    at.kernels = kernel_use(study, *at.layout, at.both.value, [&](const LayerRecord& record) {
      return whole || (layer_of(record.layer) == layer.name && record.pass != kLoss);
    });
    if (whole && at.kernels) at.kernels->launches = at.layout->launches_per_step->value;
  }
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
    if (layer_of(facts.name) != facts.name) continue;  // an activation is part of its layer
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
  for (LayerResult& layer : layers) add_kernels(study, layer);
  return layers;
}

}  // namespace convoy::study
