// SPDX-License-Identifier: Apache-2.0
// A TOML document as a plain tree that knows where each value was written: what the model reader
// walks, and what overrides are set in. (Not for programs; toml++'s parser stays in
// config_tree.cpp.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.hpp"

namespace convoy {

// "models/x.toml:12", or "--set train.momentum=0.9".
struct ConfigPlace {
  std::string text;
  bool from_override = false;
};

struct ConfigValue;
struct ConfigEntry;
using ConfigArray = std::vector<ConfigValue>;
using ConfigTable = std::vector<ConfigEntry>;  // in the order of the file
struct ConfigDate {};                          // TOML has dates; a model has none

struct ConfigValue {
  std::variant<ConfigTable, ConfigArray, bool, std::int64_t, double, std::string, ConfigDate> data;
  ConfigPlace place;
};

struct ConfigEntry {
  std::string key;
  ConfigValue value;
};

// Throws UserError(bad_data) with `source` and the line where the text is not TOML, or goes deeper
// than kDeepestNesting.
ConfigValue parse_config(std::string_view text, std::string_view source);

// The value of an override: TOML, or a bare word, which is a string. The same limit.
ConfigValue parse_config_value(std::string_view text, const ConfigPlace& place);

// The entry's value, or null.
ConfigValue* find(ConfigTable& table, std::string_view key);
const ConfigValue* find(const ConfigTable& table, std::string_view key);

// "the number 0.5", "the string 'abc'", "a table": for messages.
std::string describe(const ConfigValue& value);

// TOML on one line, which parses to the same value.
std::string to_toml(const ConfigValue& value);

// What is wrong at a place: "PLACE: problem (why): remedy". The fault is usage for an override, and
// bad_data for a file.
[[noreturn]] void fail_at(const ConfigPlace& place, std::string_view problem, std::string_view why,
                          std::string_view remedy);

}  // namespace convoy
