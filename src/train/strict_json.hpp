// SPDX-License-Identifier: Apache-2.0
// Reads JSON from files that may be damaged or forged: it rejects duplicate names, deep nesting and
// numbers out of range. All functions throw std::invalid_argument with the reason; the caller knows
// the file and the remedy.
#pragma once

// nlohmann's implicit conversions do not check the range.
#define JSON_USE_IMPLICIT_CONVERSIONS 0

#include <concepts>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convoy {

// Json is nlohmann::json, or ordered_json, which keeps the order of the file. Objects and arrays
// may be nested at most kDeepestNesting deep.
template <class Json = nlohmann::json>
Json parse_strict_json(std::string_view text);
extern template nlohmann::json parse_strict_json(std::string_view);
extern template nlohmann::ordered_json parse_strict_json(std::string_view);

// Every value of a document is read by one of the following functions, never by nlohmann's get<>(),
// which casts values out of range and truncates fractions. `name` appears in the message.

// The largest whole number that every JSON reader represents exactly; Convoy writes none above it.
inline constexpr std::int64_t kMostOfJson = std::int64_t{1} << 53;

std::int64_t whole_of(const nlohmann::json& value, std::string_view name, std::int64_t low,
                      std::int64_t high);
double real_of(const nlohmann::json& value, std::string_view name, double low, double high);
const std::string& text_of(const nlohmann::json& value, std::string_view name);
std::vector<std::string> texts_of(const nlohmann::json& value, std::string_view name);

// Returns a member; throws if `object` is not an object or lacks the member.
const nlohmann::json& member(const nlohmann::json& object, const char* key);
const nlohmann::json& array_in(const nlohmann::json& object, const char* key);
const std::string& text_in(const nlohmann::json& object, const char* key);
std::vector<std::string> texts_in(const nlohmann::json& object, const char* key);
bool flag_in(const nlohmann::json& object, const char* key);

// A number in [low, high]; by default any finite number.
double real_in(const nlohmann::json& object, const char* key,
               double low = std::numeric_limits<double>::lowest(),
               double high = std::numeric_limits<double>::max());
// The same, or NaN for null: JSON has no notation for values that are not finite.
double real_or_nan_in(const nlohmann::json& object, const char* key);

// A whole number in [low, high].
template <std::integral Whole>
Whole whole_in(const nlohmann::json& object, const char* key, std::int64_t low = 0,
               std::int64_t high = kMostOfJson) {
  const bool narrow = std::in_range<Whole>(high);
  const auto most = narrow ? high : static_cast<std::int64_t>(std::numeric_limits<Whole>::max());
  return static_cast<Whole>(whole_of(member(object, key), key, low, most));
}

// The text of a value. Names and paths need not be UTF-8; JSON must be.
template <class Json>  // json or ordered_json
std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace convoy
