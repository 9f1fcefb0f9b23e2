// SPDX-License-Identifier: Apache-2.0
// Reads a study file: keys of the study, then one table [[experiment]] for each experiment.
#include <fmt/format.h>

#include <array>
#include <limits>

#include "base/check.hpp"
#include "data/order.hpp"
#include "net/table_reader.hpp"
#include "study/plan.hpp"

namespace convoy::study {
namespace {

constexpr std::array<std::string_view, 13> kStudyKeys = {
    "name",   "model",   "data", "test_fraction",   "validation", "bad_images", "cache",
    "device", "repeats", "seed", "target_accuracy", "launcher",   "experiment"};
constexpr std::array<std::string_view, 11> kExperimentKeys = {
    "name",  "scaling", "layouts", "ranks_by", "threads_by", "per_layer",
    "batch", "epochs",  "limit",   "order",    "set"};
constexpr std::array<std::pair<std::string_view, Scaling>, 2> kScalings = {
    {{"strong", Scaling::strong}, {"weak", Scaling::weak}}};
constexpr std::array<std::string_view, 2> kParallelisms = {"data", "tensor"};
constexpr std::array<std::string_view, 2> kBadImages = {"stop", "skip"};
constexpr Interval kFraction{0, 1, false, true};
constexpr Index kMany = std::numeric_limits<std::int32_t>::max();

std::optional<Index> optional_integer(const TableReader& table, std::string_view key) {
  if (!table.has(key)) return std::nullopt;
  return table.integer(key, 1, 1, kMany);
}

const ConfigArray& array_of(const TableReader& table, std::string_view key,
                            const ConfigValue& value) {
  if (const auto* array = std::get_if<ConfigArray>(&value.data)) return *array;
  table.fail(value.location, fmt::format("'{}' must be an array, not {}", key, describe(value)), "",
             fmt::format("write {} = [...]", key));
}

// One of two words, of which the first is the default.
std::string word_of(const TableReader& table, std::string_view key,
                    const std::array<std::string_view, 2>& words) {
  const ConfigValue* value = table.find(key);
  return std::string(words[value == nullptr ? 0 : table.choose(key, *value, words)]);
}

Grid layout_of(const TableReader& table, const ConfigValue& value) {
  try {
    return parse_grid(table.string_of("layouts", value));
  } catch (const UserError&) {
    table.fail(value.location, fmt::format("'layouts' has {}", describe(value)), "",
               "write RANKSxTHREADS, for example \"2x1\"");
  }
}

std::string order_of(const TableReader& table) {
  std::string order = table.string("order", "");
  if (order.empty() || order == kOwnShards) return order;
  try {
    return to_string(parse_order(order));
  } catch (const UserError&) {
    table.fail(table.find("order")->location, fmt::format("'order' is '{}'", order), "",
               "write shuffled, sequential, shards or shards:N");
  }
}

Experiment read_experiment(const ConfigValue& value, std::size_t number) {
  const TableReader table(value, fmt::format("experiment {}", number), kExperimentKeys);
  Experiment experiment;
  experiment.name = table.string_of("name", table.require("name", "name = \"by data\""));
  experiment.scaling = table.choice("scaling", Scaling::strong, kScalings);
  const ConfigValue& layouts = table.require("layouts", "layouts = [\"1x1\", \"2x1\"]");
  for (const ConfigValue& layout : array_of(table, "layouts", layouts)) {
    experiment.layouts.push_back(layout_of(table, layout));
  }
  experiment.ranks_by = word_of(table, "ranks_by", kParallelisms);
  experiment.threads_by = word_of(table, "threads_by", kParallelisms);
  experiment.per_layer = table.flag("per_layer", false);
  experiment.batch = optional_integer(table, "batch");
  experiment.epochs = optional_integer(table, "epochs");
  experiment.limit = optional_integer(table, "limit");
  experiment.order = order_of(table);
  if (const ConfigValue* set = table.find("set")) {
    for (const ConfigValue& word : array_of(table, "set", *set)) {
      experiment.set.push_back(table.string_of("set", word));
    }
  }
  if (experiment.scaling == Scaling::weak && !experiment.batch) {
    table.fail(table.location(), "weak scaling without 'batch'", "it is the batch of each worker",
               "add for example batch = 32");
  }
  return experiment;
}

}  // namespace

bool is_plan(std::string_view text, std::string_view source) {
  const ConfigValue root = parse_config(text, source);
  const auto* table = std::get_if<ConfigTable>(&root.data);
  return table != nullptr && (find(*table, "experiment") || !find(*table, "layer"));
}

StudyPlan parse_plan(std::string_view text, std::string_view source) {
  const ConfigValue root = parse_config(text, source);
  const TableReader table(root, "study", kStudyKeys);
  StudyPlan plan;
  plan.model = table.string("model", plan.model);
  plan.data = table.string("data", plan.data);
  plan.test_fraction = table.number("test_fraction", 0, kFraction);
  plan.validation = table.number("validation", 0, kFraction);
  plan.bad_images = word_of(table, "bad_images", kBadImages);
  plan.cache = table.string("cache", "");
  plan.name = table.string("name", plan.model + " on " + plan.data);
  plan.device = table.string("device", plan.device);
  plan.repeats = static_cast<int>(table.integer("repeats", plan.repeats, 1, 1000));
  plan.seed = static_cast<std::uint64_t>(
      table.integer("seed", static_cast<Index>(plan.seed), 0, std::numeric_limits<Index>::max()));
  if (table.has("target_accuracy")) {
    plan.target_accuracy = table.number("target_accuracy", 0, {0, 1, true});
  }
  plan.launcher = table.string("launcher", "");
  if (const ConfigValue* experiments = table.find("experiment")) {
    std::size_t number = 0;
    for (const ConfigValue& value : array_of(table, "experiment", *experiments)) {
      plan.experiments.push_back(read_experiment(value, ++number));
    }
  }
  complete(plan, source, Fault::bad_data);
  return plan;
}

}  // namespace convoy::study
