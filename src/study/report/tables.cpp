// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/metrics.hpp"
#include "study/report.hpp"
#include "study/words.hpp"

namespace convoy::study {
namespace {

std::string name_of(const ExperimentResult& result, std::string_view kind) {
  return fmt::format("{}-{}", slug(result.experiment->name), kind);
}

std::string share(double part) {
  return fmt::format("{:.1f} %", 100 * part);
}

std::string or_withheld(const LayoutResult& layout, const std::string& text) {
  return layout.withheld ? "withheld" : text;
}

// The mark of a layout with a flag.
std::string mark(const LayoutResult& layout) {
  return layout.flags.empty() ? "" : "!";
}

Table times_table(const ExperimentResult& result) {
  Table table{name_of(result, "times"),
              "Times: geometric means over the rounds, with 95 % intervals in brackets; layouts "
              "are ranks x threads; ! marks a layout with a flag. Of FMA peak: the operations' "
              "nominal FLOPs (sparse gradients skip some).",
              {{"layout", false},
               {"workers"},
               {"runs"},
               {"s / epoch"},
               {"ms / step"},
               {"images / s"},
               {"of FMA peak"},
               {"digest", false},
               {"!", false}},
              {}};
  const bool gpu = std::ranges::any_of(result.layouts, on_gpu);
  if (gpu) table.columns.insert(table.columns.end() - 2, {"launches / step"});
  for (const LayoutResult& layout : result.layouts) {
    const std::string digest =
        layout.runs.empty() ? "-" : layout.runs.front()->weights_sha256.substr(0, 8);
    const double rate = layout.images_per_second.value;
    table.rows.push_back({to_string(layout.grid), fmt::format("{}", layout.grid.workers()),
                          fmt::format("{}", layout.runs.size()), interval(layout.epoch_seconds),
                          milliseconds(layout.step_seconds),
                          std::isfinite(rate) ? with_commas(rounded(rate)) : "-",
                          percent(layout.share_of_peak), digest, mark(layout)});
    if (!gpu) continue;
    auto& row = table.rows.back();
    row.insert(row.end() - 2,
               layout.launches_per_step ? digits(layout.launches_per_step->value) : "-");
  }
  return table;
}

Table speedup_table(const ExperimentResult& result) {
  const bool weak = result.experiment->scaling == Scaling::weak;
  Table table{
      name_of(result, "speedup"),
      fmt::format(
          "Speedups: {}, compared with the serial run{} within each round. A fraction outside 0 to "
          "1 is meaningless and is left out.",
          weak ? "images per second, with a separate batch for each worker"
               : "the same training on more workers",
          result.serial == result.experiment->name ? "" : fmt::format(" of '{}'", result.serial)),
      {{"layout", false},
       {"workers"},
       {weak ? "scaled speedup" : "speedup"},
       {"efficiency"},
       {weak ? "Gustafson's fraction" : "Karp-Flatt fraction"},
       {"!", false}},
      {}};
  for (const LayoutResult& layout : result.layouts) {
    table.rows.push_back({to_string(layout.grid), fmt::format("{}", layout.grid.workers()),
                          or_withheld(layout, times(layout.speedup)),
                          or_withheld(layout, percent(layout.efficiency)),
                          or_withheld(layout, interval(layout.serial_share)), mark(layout)});
  }
  return table;
}

Table breakdown_table(const ExperimentResult& result) {
  Table table{
      name_of(result, "breakdown"),
      "Profile: where the time of a step goes, as shares of an average worker's time; bytes that "
      "all ranks send as messages; memory of all ranks together; the highest number of cores that "
      "other programs used before or during a run.",
      {{"layout", false},
       {"compute"},
       {"input"},
       {"waiting"},
       {"communication"},
       {"reduction"},
       {"update"},
       {"other"},
       {"sent / step"},
       {"memory"},
       {"others"}},
      {}};
  for (const LayoutResult& layout : result.layouts) {
    if (layout.runs.empty()) continue;
    const TimeShares& s = layout.shares;
    table.rows.push_back({to_string(layout.grid), share(s.compute), share(s.input),
                          share(s.waiting), share(s.communication), share(s.reduction),
                          share(s.update), share(std::max(1 - s.sum(), 0.0)),
                          as_bytes(layout.bytes_per_step),
                          as_bytes(static_cast<double>(layout.peak_memory_bytes)),
                          fmt::format("{:.2f}", layout.busy_cores)});
  }
  return table;
}

Table accuracy_table(const ExperimentResult& result) {
  Table table{
      name_of(result, "accuracy"),
      fmt::format(
          "Accuracy, and the training time until the end of the first epoch with a test accuracy "
          "of "
          "{} or more, also for layouts whose weights differ. (With one epoch this is the whole "
          "run.)",
          as_percent(result.target_accuracy)),
      {{"layout", false},
       {"global batch"},
       {"epochs"},
       {"train loss"},
       {"test accuracy"},
       {"s to accuracy"},
       {"speedup to accuracy"}},
      {}};
  for (const LayoutResult& layout : result.layouts) {
    if (layout.runs.empty()) continue;
    table.rows.push_back({to_string(layout.grid), fmt::format("{}", layout.batch),
                          fmt::format("{}", layout.runs.front()->epochs.size()),
                          fmt::format("{:.4f}", layout.loss),
                          std::isfinite(layout.accuracy) ? as_percent(layout.accuracy) : "-",
                          layout.reaches_target ? interval(layout.target_seconds) : "not reached",
                          times(layout.target_speedup)});
  }
  return table;
}

Table layer_table(const ExperimentResult& result) {
  Table table{
      name_of(result, "layers"),
      "Layers: each with its activation, measured alone, in microseconds per step, compared with "
      "the serial layout of this experiment. A layer's time is that of its slowest worker; tensor "
      "parallel it includes the barrier after the layer, data parallel it includes no waiting. "
      "Backward: input and weight gradient. For the whole net, backward includes the loss, and "
      "'both' is the step, with input, waiting and update.",
      {{"layer", false},
       {"type", false},
       {"layout", false},
       {"workers"},
       {"forward"},
       {"backward"},
       {"both"},
       {"speedup"},
       {"efficiency"},
       {"!", false}},
      {}};
  const auto microseconds = [](const Estimate& seconds) { return digits(1e6 * seconds.value); };
  for (const LayerResult& layer : result.layers) {
    for (const LayerResult::AtLayout& at : layer.layouts) {
      const Grid& grid = at.layout->grid;
      table.rows.push_back({layer.name, layer.type, to_string(grid),
                            fmt::format("{}", grid.workers()), microseconds(at.forward),
                            microseconds(at.backward), microseconds(at.both),
                            or_withheld(*at.layout, times(at.speedup)),
                            or_withheld(*at.layout, percent(at.efficiency)), mark(*at.layout)});
    }
  }
  return table;
}

Table kernel_table(const ExperimentResult& result) {
  Table table{
      name_of(result, "layers"),
      "Layers: each with its activation, in microseconds of its kernels per step, by the GPU's "
      "clock; threads of the largest kernel; kernels per step; share of the measured peak and "
      "bandwidth; FLOPs are nominal, each array counts once. Backward: input and weight gradient. "
      "For the whole net, backward includes the loss, and 'both' is the step with every stage "
      "launched alone, which is slower than training without --profile.",
      {{"layer", false},
       {"type", false},
       {"layout", false},
       {"forward"},
       {"backward"},
       {"both"},
       {"threads"},
       {"launches / step"},
       {"of FMA peak"},
       {"of bandwidth"},
       {"!", false}},
      {}};
  const auto microseconds = [](const Estimate& seconds) { return digits(1e6 * seconds.value); };
  const auto part = [](double value) { return std::isfinite(value) ? share(value) : "-"; };
  for (const LayerResult& layer : result.layers) {
    for (const LayerResult::AtLayout& at : layer.layouts) {
      const KernelUse kernels = at.kernels.value_or(KernelUse{});
      table.rows.push_back({layer.name, layer.type, to_string(at.layout->grid),
                            microseconds(at.forward), microseconds(at.backward),
                            microseconds(at.both), with_commas(kernels.threads),
                            digits(kernels.launches), part(kernels.share_of_peak),
                            part(kernels.share_of_bandwidth), mark(*at.layout)});
    }
  }
  return table;
}

}  // namespace

bool is_profiled(const ExperimentResult& result) {
  return std::ranges::all_of(result.layouts, [](const LayoutResult& layout) {
    return std::ranges::all_of(layout.runs,
                               [](const RunRecord* run) { return run->profile_seconds > 0; });
  });
}

std::vector<Table> tables(const ExperimentResult& result) {
  std::vector<Table> all{times_table(result), speedup_table(result)};
  if (is_profiled(result)) all.push_back(breakdown_table(result));
  if (std::isfinite(result.target_accuracy)) all.push_back(accuracy_table(result));
  if (result.layers.empty()) return all;
  all.push_back(std::ranges::any_of(result.layouts, on_gpu) ? kernel_table(result)
                                                            : layer_table(result));
  return all;
}

}  // namespace convoy::study
