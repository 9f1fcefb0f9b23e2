// SPDX-License-Identifier: Apache-2.0
#include "train/setting_difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace convoy {
namespace {

struct Setting {
  std::string key, value;
};

// Each line of a normalised text has a key or the head of a table.
std::vector<Setting> settings_of(std::string_view text) {
  std::vector<Setting> settings;
  std::string table;
  std::map<std::string, int> tables;  // [[name]]: how many so far
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("[[")) {
      const std::string name(line.substr(2, line.find(']') - 2));
      table = fmt::format("{}.{}.", name, tables[name]++);
    } else if (line.starts_with("[")) {
      table = fmt::format("{}.", line.substr(1, line.find(']') - 1));
    } else if (const std::size_t equals = line.find(" = "); equals != std::string_view::npos) {
      settings.push_back({fmt::format("{}{}", table, line.substr(0, equals)),
                          std::string(line.substr(equals + 3))});
    }
  }
  return settings;
}

const std::string* value_of(const std::vector<Setting>& settings, const std::string& key) {
  const auto found = std::ranges::find(settings, key, &Setting::key);
  return found == settings.end() ? nullptr : &found->value;
}

}  // namespace

std::string setting_difference(std::string_view begun, std::string_view asked) {
  const std::vector<Setting> before = settings_of(begun), now = settings_of(asked);
  for (const auto& [key, value] : before) {
    const std::string* other = value_of(now, key);
    if (other == nullptr) return fmt::format("{} is {}, but is now left out", key, value);
    if (*other != value) {
      return fmt::format("{} is {}, not {}", key == "name" ? "the model" : key, value, *other);
    }
  }
  for (const auto& [key, value] : now) {
    if (value_of(before, key) == nullptr)
      return fmt::format("{} was not set, and is now {}", key, value);
  }
  return begun == asked ? "" : "the order of its keys differs";
}

}  // namespace convoy
