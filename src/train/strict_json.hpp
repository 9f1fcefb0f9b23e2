// SPDX-License-Identifier: Apache-2.0
// JSON as read from files that may lie: no duplicate names, no deep nesting, no number that does
// not fit where it goes, one kind of error. Everything throws std::invalid_argument with the
// reason: the caller knows the file and the remedy.
#pragma once

// What nlohmann converts of itself is cast unchecked.
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

// Json is nlohmann::json, or ordered_json, which keeps the order of the file. At most
// kDeepestNesting objects and arrays lie within each other.
template <class Json = nlohmann::json>
Json parse_strict_json(std::string_view text);
extern template nlohmann::json parse_strict_json(std::string_view);
extern template nlohmann::ordered_json parse_strict_json(std::string_view);

// Every value of a document is taken by one of the following, nowhere by nlohmann's get<>(), which
// casts what is out of range and cuts what is no whole number. `name` stands in the message.

// The largest whole number that every reader of JSON keeps, and that any number of Convoy's has.
inline constexpr std::int64_t kMostOfJson = std::int64_t{1} << 53;

std::int64_t whole_of(const nlohmann::json& value, std::string_view name, std::int64_t low,
                      std::int64_t high);
double real_of(const nlohmann::json& value, std::string_view name, double low, double high);
const std::string& text_of(const nlohmann::json& value, std::string_view name);
std::vector<std::string> texts_of(const nlohmann::json& value, std::string_view name);

// A member that has to be there; of an object, which `object` has to be.
const nlohmann::json& member(const nlohmann::json& object, const char* key);
const nlohmann::json& array_in(const nlohmann::json& object, const char* key);
const std::string& text_in(const nlohmann::json& object, const char* key);
std::vector<std::string> texts_in(const nlohmann::json& object, const char* key);
bool flag_in(const nlohmann::json& object, const char* key);

// In [low, high]; without them any that is finite.
double real_in(const nlohmann::json& object, const char* key,
               double low = std::numeric_limits<double>::lowest(),
               double high = std::numeric_limits<double>::max());
// The same, or NaN where it is null: JSON has no word for what is not finite.
double real_or_nan_in(const nlohmann::json& object, const char* key);

// In [low, high].
template <std::integral Whole>
Whole whole_in(const nlohmann::json& object, const char* key, std::int64_t low = 0,
               std::int64_t high = kMostOfJson) {
  const bool narrow = std::in_range<Whole>(high);
  const auto most = narrow ? high : static_cast<std::int64_t>(std::numeric_limits<Whole>::max());
  return static_cast<Whole>(whole_of(member(object, key), key, low, most));
}

// Names and paths need not be UTF-8; JSON has to be.
template <class Json>  // json or ordered_json
std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace convoy
