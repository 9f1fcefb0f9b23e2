// SPDX-License-Identifier: Apache-2.0
// Sets KEY=VALUE of the command line in the tree of a model file before the tree is read. So an
// override is checked as strictly as a line of the file, and can set every key.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "base/nesting.hpp"
#include "base/safe_text.hpp"
#include "base/suggest.hpp"
#include "net/model_reader.hpp"

namespace convoy {
namespace {

std::vector<std::string> split_at_dots(std::string_view key) {
  std::vector<std::string> parts{""};
  for (const char c : key) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Suggests a key for one that begins with no section: the nearest whole key for one of several
// parts, or else the key whose last part is near to it.
std::string suggest_key(std::string_view key) {
  std::vector<std::string> whole{"name", "arithmetic", "layer.0.filters", "loss.type"};
  for (const std::string_view k : kInputKeys) whole.push_back(fmt::format("input.{}", k));
  for (const std::string_view k : kTrainKeys) whole.push_back(fmt::format("train.{}", k));
  whole.emplace_back("loss.label_smoothing");
  for (const std::string_view k : optimizer_keys()) whole.push_back(fmt::format("optimizer.{}", k));
  for (const std::string_view k : average_keys()) whole.push_back(fmt::format("average.{}", k));
  const std::vector<std::string_view> candidates(whole.begin(), whole.end());
  std::vector<std::string_view> ends;
  for (const std::string_view k : candidates) ends.push_back(k.substr(k.rfind('.') + 1));

  const bool has_parts = key.find('.') != std::string_view::npos;
  std::string_view near = has_parts ? nearest(key, candidates) : std::string_view();
  if (!near.empty()) return fmt::format("did you mean '{}'?", near);
  near = nearest(key.substr(key.rfind('.') + 1), ends);
  for (std::size_t i = 0; i < ends.size() && !near.empty(); ++i) {
    if (ends[i] == near) return fmt::format("did you mean '{}'?", whole[i]);
  }
  return "use one of name, arithmetic, input.KEY, layer.NAME.KEY, loss.KEY, train.KEY, "
         "optimizer.KEY, average.KEY";
}

// Finds the table of a layer by its number (from 0) or name.
ConfigValue& find_layer(ConfigValue& root, const std::string& part,
                        const ConfigLocation& location) {
  ConfigValue* layers = find(std::get<ConfigTable>(root.data), "layer");
  auto* tables = layers == nullptr ? nullptr : std::get_if<ConfigArray>(&layers->data);
  if (tables == nullptr || tables->empty()) {
    fail_at(location, "the model has no layers", "", "add [[layer]] tables to its file");
  }
  std::size_t index = 0;
  const char* end = part.data() + part.size();
  const auto [stop, error] = std::from_chars(part.data(), end, index);
  const std::vector<std::string> names = layer_names(*tables);
  if (error == std::errc{} && stop == end) {
    if (index < tables->size()) return (*tables)[index];
  } else {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == part) return (*tables)[i];
    }
  }
  fail_at(location, fmt::format("unknown layer '{}'", part),
          fmt::format("the model has layers 0 to {}", tables->size() - 1),
          did_you_mean(part, std::vector<std::string_view>(names.begin(), names.end())));
}

// Another optimizer, or another average, begins with its own defaults: the settings that the file
// gives to the old one are dropped. The keys `common` stay, which belong to no type.
void drop_settings_of_file(ConfigTable& section, const ConfigValue& type,
                           std::string_view usual_type,
                           std::initializer_list<std::string_view> common) {
  const ConfigValue* old = find(section, "type");
  const auto* before = old == nullptr ? nullptr : std::get_if<std::string>(&old->data);
  const auto* after = std::get_if<std::string>(&type.data);
  if (after == nullptr || *after == (before == nullptr ? usual_type : *before)) return;
  std::erase_if(section, [=](const ConfigEntry& entry) {
    return std::ranges::count(common, entry.key) == 0 && !entry.value.location.from_override;
  });
}

// Returns the value of a table's key. A missing one becomes an empty table, and the short form of
// an initialiser ("x") becomes its long form ({ type = "x" }).
ConfigValue& enter(ConfigValue& parent, const std::string& key, const ConfigLocation& location) {
  auto& table = std::get<ConfigTable>(parent.data);
  ConfigValue* child = find(table, key);
  if (child == nullptr) {
    table.push_back({key, {ConfigTable{}, location}});
    return table.back().value;
  }
  if (key.ends_with("_init") && std::holds_alternative<std::string>(child->data)) {
    ConfigValue type = std::move(*child);
    child->location = type.location;
    child->data = ConfigTable{{"type", std::move(type)}};
  }
  if (!std::holds_alternative<ConfigTable>(child->data)) {
    fail_at(location, fmt::format("'{}' has no keys", key), "it is " + describe(*child),
            fmt::format("set {} itself", key));
  }
  return *child;
}

}  // namespace

void apply_override(ConfigValue& root, const Override& override) {
  const ConfigLocation location{fmt::format("--set {}", override), true};
  const std::size_t equals = override.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_at(location, "not of the form KEY=VALUE", "",
            "write, for example, --set optimizer.momentum=0.9");
  }
  const std::string key = override.substr(0, equals);
  const std::vector<std::string> parts = split_at_dots(key);
  bool is_known = false;
  for (const std::string_view known : kModelKeys) is_known = is_known || parts[0] == known;
  for (const std::string& part : parts) is_known = is_known && !part.empty();
  if (!is_known) fail_at(location, fmt::format("unknown key '{}'", key), "", suggest_key(key));

  if (parts.size() > std::size_t{kDeepestNesting}) {
    fail_at(location, fmt::format("the key has {} parts", parts.size()), "it lies too deep",
            "name a key of the model");
  }

  ConfigValue* table = &root;
  std::size_t next = 0;
  if (parts[0] == "layer" && parts.size() > 1) {
    if (parts.size() == 2) {
      fail_at(location, "names no key of the layer", "",
              fmt::format("write, for example, --set {}",
                          shell_word(fmt::format("layer.{}.filters=8", parts[1]))));
    }
    table = &find_layer(root, parts[1], location);
    if (!std::holds_alternative<ConfigTable>(table->data)) {
      fail_at(location, "the layer is not a table", "",
              "write it as [[layer]] in the model's file");
    }
    next = 2;
  }
  for (; next + 1 < parts.size(); ++next) table = &enter(*table, parts[next], location);
  ConfigValue value = parse_config_value(std::string_view(override).substr(equals + 1), location);
  auto& entries = std::get<ConfigTable>(table->data);
  if (key == "optimizer.type") drop_settings_of_file(entries, value, "sgd", {"group", "clip_norm"});
  if (key == "average.type") drop_settings_of_file(entries, value, "none", {"evaluate"});
  if (ConfigValue* old = find(entries, parts.back())) {
    *old = std::move(value);
  } else {
    entries.push_back({parts.back(), std::move(value)});
  }
}

}  // namespace convoy
