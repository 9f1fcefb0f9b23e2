// SPDX-License-Identifier: Apache-2.0
// Reads the [average] section of a model file.
#include <fmt/format.h>

#include <algorithm>

#include "net/model_reader.hpp"
#include "net/table_reader.hpp"
#include "optim/average.hpp"

namespace convoy {
namespace {

// Each average with its defaults.
const std::array<Average, 3>& averages() {
  static const std::array<Average, 3> all{Ema{}, Lookahead{}, NoAverage{}};
  return all;
}

std::vector<std::string_view> setting_keys(const Average& average) {
  std::vector<std::string_view> keys;
  std::visit(
      [&](const auto& one) {
        visit_settings(
            one, [&](std::string_view key, const auto&, const auto&...) { keys.push_back(key); });
      },
      average);
  return keys;
}

const Average& read_type(const TableReader& reader) {
  std::array<std::string_view, 3> names;
  std::ranges::transform(averages(), names.begin(), [](const auto& a) { return type_name(a); });
  return averages()[reader.choose("type", reader.require("type", "type = \"ema\""), names)];
}

// Names the owner of a key that belongs to another average.
void refuse_keys_of_others(const TableReader& reader, const Average& mine) {
  for (const Average& other : averages()) {
    if (other.index() == mine.index()) continue;
    for (const std::string_view key : setting_keys(other)) {
      if (!reader.has(key)) continue;
      reader.fail(reader.find(key)->location,
                  fmt::format("'{}' is no setting of {}", key, type_name(mine)),
                  fmt::format("it belongs to {}", type_name(other)),
                  "leave it out, or choose another type");
    }
  }
}

}  // namespace

std::vector<std::string_view> average_keys() {
  std::vector<std::string_view> keys{"type", "evaluate"};
  for (const Average& average : averages()) {
    for (const std::string_view key : setting_keys(average)) keys.push_back(key);
  }
  return keys;
}

void read_average(const ConfigValue& table, TrainSettings& settings) {
  const TableReader reader(table, "[average]", average_keys());
  settings.average = read_type(reader);
  refuse_keys_of_others(reader, settings.average);
  std::visit(
      [&](auto& average) {
        visit_settings(average, [&](std::string_view key, auto& field, const auto&... limits) {
          reader.read(key, field, limits...);
        });
      },
      settings.average);
  const WeightsCopy evaluate = reader.choice("evaluate", settings.evaluate, kWeightsCopies);
  if (exists(settings.average)) settings.evaluate = evaluate;
}

std::string average_text(const TrainSettings& settings) {
  if (!exists(settings.average)) return "";
  std::string text = fmt::format("\n[average]\ntype = \"{}\"\n", type_name(settings.average));
  std::visit(
      [&](const auto& average) {
        visit_settings(average, [&](std::string_view key, const auto& field, const auto&...) {
          text += fmt::format("{} = {}\n", key, field);
        });
      },
      settings.average);
  return text + fmt::format("evaluate = \"{}\"\n", to_string(settings.evaluate));
}

}  // namespace convoy
