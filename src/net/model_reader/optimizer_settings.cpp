// SPDX-License-Identifier: Apache-2.0
// Reads the [optimizer] section of a model file.
#include <fmt/format.h>

#include <algorithm>

#include "net/model_reader.hpp"
#include "net/table_reader.hpp"
#include "optim/optimizer.hpp"

namespace convoy {
namespace {

// The keys of [optimizer] that belong to no type.
constexpr std::array<std::string_view, 2> kKeysOfAll = {"type", "clip_norm"};
constexpr std::array<std::string_view, 4> kGroupKeys = {"match", "learning_rate_factor",
                                                        "weight_decay", "frozen"};

std::vector<std::string_view> setting_keys(const Optimizer& optimizer) {
  std::vector<std::string_view> keys;
  std::visit(
      [&](const auto& op) {
        visit_settings(
            op, [&](std::string_view key, const auto&, const auto&...) { keys.push_back(key); });
      },
      optimizer);
  return keys;
}

// Which optimizers have this key: "adam, adamw".
std::string owners_of(std::string_view key) {
  std::string owners;
  for (const NamedOptimizer& known : kOptimizers) {
    if (std::ranges::count(setting_keys(known.defaults), key) == 0) continue;
    owners += fmt::format("{}{}", owners.empty() ? "" : ", ", known.name);
  }
  return owners;
}

const NamedOptimizer& read_type(const ConfigValue& table) {
  constexpr std::string_view kKey = "type";
  const auto* entries = std::get_if<ConfigTable>(&table.data);
  const ConfigValue* value = entries == nullptr ? nullptr : find(*entries, kKey);
  if (value == nullptr) return kOptimizers.front();
  std::array<std::string_view, kOptimizers.size()> names;
  std::ranges::transform(kOptimizers, names.begin(), &NamedOptimizer::name);
  // Only the type is read here; all other keys depend on it.
  const ConfigValue type{ConfigTable{{std::string(kKey), *value}}, table.location};
  const TableReader reader(type, "[optimizer]", std::span(&kKey, 1));
  return kOptimizers[reader.choose(kKey, *value, names)];
}

// Names the owner of a key that belongs to another optimizer.
void refuse_keys_of_others(const ConfigValue& table, const NamedOptimizer& mine) {
  const auto* entries = std::get_if<ConfigTable>(&table.data);
  if (entries == nullptr) return;
  const std::vector<std::string_view> keys = setting_keys(mine.defaults);
  for (const ConfigEntry& entry : *entries) {
    if (std::ranges::count(keys, entry.key) != 0) continue;
    const std::string owners = owners_of(entry.key);
    if (owners.empty()) continue;
    fail_at(entry.value.location,
            fmt::format("[optimizer]: '{}' is no setting of {}", entry.key, mine.name),
            fmt::format("it belongs to {}", owners), "leave it out, or choose another type");
  }
}

void check(const Optimizer& optimizer, const TableReader& reader) {
  const auto* sgd = std::get_if<Sgd>(&optimizer);
  if (sgd == nullptr || !sgd->nesterov || sgd->momentum != 0) return;
  reader.fail(reader.find("nesterov")->location, "'nesterov' without momentum",
              "it has no effect then", "set momentum, for example to 0.9");
}

std::vector<OptimizerGroup> read_groups(const TableReader& optimizer) {
  std::vector<OptimizerGroup> groups;
  const ConfigValue* value = optimizer.find("group");
  if (value == nullptr) return groups;
  const auto* tables = std::get_if<ConfigArray>(&value->data);
  if (tables == nullptr) {
    optimizer.fail(value->location, "'group' must be an array of tables, not " + describe(*value),
                   "", "write [[optimizer.group]], with two brackets, above each group");
  }
  for (const ConfigValue& table : *tables) {
    const TableReader reader(table, "[[optimizer.group]]", kGroupKeys);
    OptimizerGroup group;
    group.match = reader.string_of("match", reader.require("match", "match = \"*.bias\""));
    group.learning_rate_factor =
        reader.number("learning_rate_factor", group.learning_rate_factor, kNotNegativeFloat);
    if (reader.has("weight_decay")) {
      group.weight_decay = reader.number("weight_decay", 0, kNotNegativeFloat);
    }
    group.frozen = reader.flag("frozen", group.frozen);
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

bool is_optimizer_key(std::string_view key) {
  return key == "clip_norm" || !owners_of(key).empty();
}

std::vector<std::string_view> optimizer_keys() {
  std::vector<std::string_view> all(kKeysOfAll.begin(), kKeysOfAll.end());
  for (const NamedOptimizer& known : kOptimizers) {
    for (const std::string_view key : setting_keys(known.defaults)) {
      if (std::ranges::count(all, key) == 0) all.push_back(key);
    }
  }
  return all;
}

void read_optimizer(const ConfigValue& table, TrainSettings& settings) {
  const NamedOptimizer& named = read_type(table);
  refuse_keys_of_others(table, named);
  std::vector<std::string_view> keys = setting_keys(named.defaults);
  keys.insert(keys.end(), kKeysOfAll.begin(), kKeysOfAll.end());
  keys.emplace_back("group");
  const TableReader reader(table, "[optimizer]", keys);
  settings.optimizer = named.defaults;
  std::visit(
      [&](auto& op) {
        visit_settings(op, [&](std::string_view key, auto& field, const auto&... limits) {
          reader.read(key, field, limits...);
        });
      },
      settings.optimizer);
  check(settings.optimizer, reader);
  settings.clip_norm.reset();
  if (reader.has("clip_norm")) settings.clip_norm = reader.number("clip_norm", 0, kPositiveFloat);
  settings.optimizer_groups = read_groups(reader);
}

void check_groups(const Net& net, const ConfigValue& table, const TrainSettings& settings) {
  if (settings.optimizer_groups.empty()) return;
  const std::vector<int> group_of = groups_of_tensors(net, settings);
  const auto& groups =
      std::get<ConfigArray>(find(std::get<ConfigTable>(table.data), "group")->data);
  for (std::size_t g = 0; g < settings.optimizer_groups.size(); ++g) {
    if (std::ranges::count(group_of, static_cast<int>(g)) != 0) continue;
    std::string names;
    for (const ParameterTensor& tensor : net.parameter_tensors()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", tensor.name);
    }
    fail_at(groups[g].location,
            fmt::format("[[optimizer.group]]: no tensor is left for the pattern '{}'",
                        settings.optimizer_groups[g].match),
            fmt::format("the model has {}", names),
            "give a pattern that matches one of them, and that no group before it has taken");
  }
  const bool has_buffers = net.tensors().size() > net.parameter_tensors().size();
  const bool all_frozen = std::ranges::all_of(group_of, [&](int g) {
    return g >= 0 && settings.optimizer_groups[static_cast<std::size_t>(g)].frozen;
  });
  if (all_frozen && !has_buffers) {
    fail_at(groups.back().location, "[[optimizer.group]]: every tensor of the model is frozen",
            "no step of training would change anything",
            "leave at least one tensor out of the groups with frozen = true");
  }
}

std::string optimizer_text(const TrainSettings& settings) {
  std::string text = fmt::format("type = \"{}\"\n", type_name(settings.optimizer));
  std::visit(
      [&](const auto& op) {
        visit_settings(op, [&](std::string_view key, const auto& field, const auto&...) {
          text += fmt::format("{} = {}\n", key, field);
        });
      },
      settings.optimizer);
  if (settings.clip_norm) text += fmt::format("clip_norm = {}\n", *settings.clip_norm);
  for (const OptimizerGroup& group : settings.optimizer_groups) {
    text += fmt::format("\n[[optimizer.group]]\nmatch = {}\nlearning_rate_factor = {}\n",
                        to_toml({group.match, {}}), group.learning_rate_factor);
    if (group.weight_decay) text += fmt::format("weight_decay = {}\n", *group.weight_decay);
    text += fmt::format("frozen = {}\n", group.frozen);
  }
  return text;
}

}  // namespace convoy
