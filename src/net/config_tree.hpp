// SPDX-License-Identifier: Apache-2.0
// A TOML document as a plain tree that knows where each value was written. Overrides are set in it,
// and the model reader walks over it. (Programs do not use it; only config_tree.cpp knows toml++.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.hpp"

namespace convoy {

// "models/x.toml:12", or "--set optimizer.momentum=0.9".
struct ConfigLocation {
  std::string text;
  bool from_override = false;
};

struct ConfigValue;
struct ConfigEntry;
using ConfigArray = std::vector<ConfigValue>;
using ConfigTable = std::vector<ConfigEntry>;  // in the order of the file
struct ConfigDate {};                          // TOML has dates; a model uses none

struct ConfigValue {
  std::variant<ConfigTable, ConfigArray, bool, std::int64_t, double, std::string, ConfigDate> data;
  ConfigLocation location;
};

struct ConfigEntry {
  std::string key;
  ConfigValue value;
};

// Throws UserError(bad_data) with `source` and the line where the text is not TOML, or is nested
// more deeply than kDeepestNesting.
ConfigValue parse_config(std::string_view text, std::string_view source);

// Parses the value of an override: TOML, or a bare word, which is a string. The limit of nesting is
// the same.
ConfigValue parse_config_value(std::string_view text, const ConfigLocation& location);

// Returns the entry's value, or null.
ConfigValue* find(ConfigTable& table, std::string_view key);
const ConfigValue* find(const ConfigTable& table, std::string_view key);

// Describes a value for messages: "the number 0.5", "the string 'abc'", "a table".
std::string describe(const ConfigValue& value);

// Writes TOML on one line, which parses to the same value.
std::string to_toml(const ConfigValue& value);

// Throws "LOCATION: problem (why): remedy". The fault is usage for an override, and bad_data for a
// file.
[[noreturn]] void fail_at(const ConfigLocation& location, std::string_view problem,
                          std::string_view why, std::string_view remedy);

}  // namespace convoy
