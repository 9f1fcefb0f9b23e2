// SPDX-License-Identifier: Apache-2.0
// The figures of a study for programs: full precision, one value per cell, empty if it is not
// known.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "study/report.hpp"

namespace convoy::study {
namespace {

using Row = std::vector<std::string>;

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

void add(Row& row, const Estimate& estimate) {
  for (const double value : {estimate.value, estimate.low, estimate.high}) {
    row.push_back(number(value));
  }
}

void add(Row& row, const KernelUse& kernels) {
  row.push_back(fmt::format("{}", kernels.threads));
  for (const double value : {kernels.launches, kernels.share_of_peak, kernels.share_of_bandwidth}) {
    row.push_back(number(value));
  }
}

bool is_gpu_study(const Results& results) {
  return std::ranges::any_of(results.experiments, [](const ExperimentResult& result) {
    return std::ranges::any_of(result.layouts, on_gpu);
  });
}

// "speedup", "speedup_low", "speedup_high"
void add_columns(Table& table, std::string_view name) {
  for (const char* end : {"", "_low", "_high"}) {
    table.columns.push_back({fmt::format("{}{}", name, end)});
  }
}

Row begin_row(const ExperimentResult& result, const Grid& grid, std::string_view second) {
  return {result.experiment->name, std::string(second), fmt::format("{}", grid.ranks),
          fmt::format("{}", grid.threads)};
}

Table layouts_csv(const Results& results) {
  Table table{"layouts", "", {}, {}};
  for (const char* title : {"experiment", "scaling", "ranks", "threads", "runs", "batch"}) {
    table.columns.push_back({title});
  }
  constexpr std::pair<const char*, Estimate LayoutResult::*> kEstimates[] = {
      {"epoch_seconds", &LayoutResult::epoch_seconds},
      {"step_seconds", &LayoutResult::step_seconds},
      {"images_per_second", &LayoutResult::images_per_second},
      {"speedup", &LayoutResult::speedup},
      {"efficiency", &LayoutResult::efficiency},
      {"serial_fraction", &LayoutResult::serial_share},
      {"share_of_peak", &LayoutResult::share_of_peak},
      {"target_seconds", &LayoutResult::target_seconds},
      {"target_speedup", &LayoutResult::target_speedup}};
  for (const auto& [name, estimate] : kEstimates) add_columns(table, name);
  const bool gpu = is_gpu_study(results);
  if (gpu) add_columns(table, "launches_per_step");
  for (const TimePart& part : kTimeParts) table.columns.push_back({part.name});
  for (const char* title : {"bytes_per_step", "peak_memory_bytes", "busy_cores", "target_accuracy",
                            "test_accuracy", "train_loss", "weights_sha256", "flags"}) {
    table.columns.push_back({title});
  }
  for (const ExperimentResult& result : results.experiments) {
    for (const LayoutResult& layout : result.layouts) {
      if (layout.runs.empty()) continue;
      Row row = begin_row(result, layout.grid, to_string(result.experiment->scaling));
      row.push_back(fmt::format("{}", layout.runs.size()));
      row.push_back(fmt::format("{}", layout.batch));
      for (const auto& [name, estimate] : kEstimates) add(row, layout.*estimate);
      if (gpu) add(row, layout.launches_per_step.value_or(Estimate{}));
      for (const TimePart& part : kTimeParts) {
        row.push_back(number(layout.shares.*part.seconds));
      }
      row.push_back(number(layout.bytes_per_step));
      row.push_back(fmt::format("{}", layout.peak_memory_bytes));
      row.push_back(number(layout.busy_cores));
      row.push_back(number(result.target_accuracy));
      row.push_back(number(layout.accuracy));
      row.push_back(number(layout.loss));
      row.push_back(layout.runs.front()->weights_sha256);
      std::vector<std::string> flags;
      for (const Flag& flag : layout.flags) flags.push_back(flag.text);
      row.push_back(fmt::format("{}", fmt::join(flags, "; ")));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

Table layers_csv(const Results& results) {
  Table table{"layers", "", {}, {}};
  for (const char* title : {"experiment", "layer", "ranks", "threads"}) {
    table.columns.push_back({title});
  }
  constexpr std::pair<const char*, Estimate LayerResult::AtLayout::*> kEstimates[] = {
      {"forward_seconds", &LayerResult::AtLayout::forward},
      {"backward_seconds", &LayerResult::AtLayout::backward},
      {"seconds", &LayerResult::AtLayout::both},
      {"speedup", &LayerResult::AtLayout::speedup},
      {"efficiency", &LayerResult::AtLayout::efficiency}};
  for (const auto& [name, estimate] : kEstimates) add_columns(table, name);
  const bool gpu = is_gpu_study(results);
  if (gpu) {
    for (const char* title :
         {"kernel_threads", "launches_per_step", "share_of_peak", "share_of_bandwidth"}) {
      table.columns.push_back({title});
    }
  }
  for (const ExperimentResult& result : results.experiments) {
    for (const LayerResult& layer : result.layers) {
      for (const LayerResult::AtLayout& at : layer.layouts) {
        if (at.layout->withheld) continue;
        Row row = begin_row(result, at.layout->grid, layer.name);
        for (const auto& [name, estimate] : kEstimates) add(row, at.*estimate);
        if (gpu) add(row, at.kernels.value_or(KernelUse{}));
        table.rows.push_back(std::move(row));
      }
    }
  }
  return table;
}

}  // namespace

std::vector<Table> csv_tables(const Results& results) {
  std::vector<Table> all{layouts_csv(results)};
  if (Table layers = layers_csv(results); !layers.rows.empty()) all.push_back(std::move(layers));
  return all;
}

}  // namespace convoy::study
