// SPDX-License-Identifier: Apache-2.0
#include "net/table_reader.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/suggest.hpp"

namespace convoy {

TableReader::TableReader(const ConfigValue& value, std::string title,
                         std::span<const std::string_view> keys)
    : location_(&value.location), title_(std::move(title)) {
  table_ = std::get_if<ConfigTable>(&value.data);
  if (table_ == nullptr) {
    fail(value.location, "must be a table, not " + describe(value), "",
         "write its keys under a header, or as { key = value }");
  }
  for (const ConfigEntry& entry : *table_) {
    bool known = false;
    for (const std::string_view key : keys) known = known || key == entry.key;
    if (known) continue;
    fail(entry.value.location, fmt::format("unknown key '{}'", entry.key),
         nearest(entry.key, keys).empty() ? "" : "known are " + joined(keys),
         did_you_mean(entry.key, keys));
  }
}

const ConfigValue& TableReader::require(std::string_view key, std::string_view example) const {
  const ConfigValue* value = find(key);
  if (value == nullptr) {
    fail(location(), fmt::format("missing key '{}'", key), "", fmt::format("add {}", example));
  }
  return *value;
}

Index TableReader::integer(std::string_view key, Index fallback, Index low, Index high) const {
  const ConfigValue* value = find(key);
  return value == nullptr ? fallback : integer_of(key, *value, low, high);
}

double TableReader::number(std::string_view key, double fallback, const Interval& interval) const {
  const ConfigValue* value = find(key);
  return value == nullptr ? fallback : number_of(key, *value, interval);
}

bool TableReader::flag(std::string_view key, bool fallback) const {
  const ConfigValue* value = find(key);
  if (value == nullptr) return fallback;
  if (const bool* given = std::get_if<bool>(&value->data)) return *given;
  fail(value->location, fmt::format("'{}' must be true or false, not {}", key, describe(*value)),
       "", fmt::format("write {} = true or {} = false", key, key));
}

std::string TableReader::string(std::string_view key, std::string_view fallback) const {
  const ConfigValue* value = find(key);
  return value == nullptr ? std::string(fallback) : string_of(key, *value);
}

Extent TableReader::extent(std::string_view key, Extent fallback, Index low, Index high) const {
  const ConfigValue* value = find(key);
  if (value == nullptr) return fallback;
  const auto* pair = std::get_if<ConfigArray>(&value->data);
  if (pair == nullptr) {
    const Index side = integer_of(key, *value, low, high);
    return {side, side};
  }
  if (pair->size() != 2) {
    fail(value->location, fmt::format("'{}' has {} numbers", key, pair->size()), "",
         "write one number, or [height, width]");
  }
  return {integer_of(key, (*pair)[0], low, high), integer_of(key, (*pair)[1], low, high)};
}

Index TableReader::integer_of(std::string_view key, const ConfigValue& value, Index low,
                              Index high) const {
  const auto* whole = std::get_if<std::int64_t>(&value.data);
  if (whole == nullptr) {
    fail(value.location, fmt::format("'{}' must be a whole number, not {}", key, describe(value)),
         "", fmt::format("use {} to {}", low, high));
  }
  if (*whole < low || *whole > high) {
    fail(value.location, fmt::format("'{}' is {}", key, *whole), "out of range",
         fmt::format("use {} to {}", low, high));
  }
  return *whole;
}

double TableReader::number_of(std::string_view key, const ConfigValue& value,
                              const Interval& interval) const {
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    number = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&value.data)) {
    number = *real;
  } else {
    fail(value.location, fmt::format("'{}' must be a number, not {}", key, describe(value)), "",
         fmt::format("use a number {}", interval.text()));
  }
  if (!std::isfinite(number) || !interval.contains(number)) {
    fail(value.location, fmt::format("'{}' is {}", key, number), "out of range",
         fmt::format("use a number {}", interval.text()));
  }
  return number;
}

std::string TableReader::string_of(std::string_view key, const ConfigValue& value) const {
  if (const auto* given = std::get_if<std::string>(&value.data)) return *given;
  fail(value.location, fmt::format("'{}' must be a string, not {}", key, describe(value)), "",
       "write a word in quotes");
}

std::size_t TableReader::choose(std::string_view key, const ConfigValue& value,
                                std::span<const std::string_view> names) const {
  const std::string given = string_of(key, value);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == given) return i;
  }
  fail(value.location, fmt::format("unknown {} '{}'", key, given),
       nearest(given, names).empty() ? "" : "known are " + joined(names),
       did_you_mean(given, names));
}

void TableReader::fail(const ConfigLocation& where, std::string_view problem, std::string_view why,
                       std::string_view remedy) const {
  const std::string subject =
      title_.empty() ? std::string(problem) : fmt::format("{}: {}", title_, problem);
  fail_at(where, subject, why, remedy);
}

}  // namespace convoy
