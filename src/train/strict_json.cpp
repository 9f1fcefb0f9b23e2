// SPDX-License-Identifier: Apache-2.0
#include "train/strict_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "base/nesting.hpp"

namespace convoy {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(std::string_view name, const json& value, const std::string& wanted) {
  constexpr std::size_t kLongest = 40;
  std::string found = value.is_structured() ? value.type_name() : to_text(value);
  if (found.size() > kLongest) found = std::string("a long ") + value.type_name();
  throw std::invalid_argument(fmt::format("\"{}\" is {}, not {}", name, found, wanted));
}

}  // namespace

template <class Json>
Json parse_strict_json(std::string_view text) {
  std::vector<std::set<std::string>> names;  // of the open objects
  const auto watch = [&](int depth, typename Json::parse_event_t event, Json& value) {
    using Event = typename Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= kDeepestNesting) {
        throw std::invalid_argument(
            fmt::format("it is nested more than {} levels deep", kDeepestNesting));
      }
      if (event == Event::object_start) names.emplace_back();
    } else if (event == Event::object_end) {
      names.pop_back();
    } else if (event == Event::key) {
      const auto& name = value.template get_ref<const std::string&>();
      if (!names.back().insert(name).second) {
        throw std::invalid_argument("the name \"" + name + "\" occurs twice");
      }
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const typename Json::parse_error& error) {
    const std::string_view before = text.substr(0, std::min(text.size(), error.byte));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t column = before.size() - (before.rfind('\n') + 1);
    throw std::invalid_argument(fmt::format("it is not JSON at line {}, column {}", line, column));
  } catch (const typename Json::exception&) {
    throw std::invalid_argument("it is not JSON");
  }
}
template nlohmann::json parse_strict_json(std::string_view);
template nlohmann::ordered_json parse_strict_json(std::string_view);

std::int64_t whole_of(const json& value, std::string_view name, std::int64_t low,
                      std::int64_t high) {
  // nlohmann keeps whole numbers from 0 on as unsigned; they may exceed any signed number.
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || std::in_range<std::int64_t>(value.get<std::uint64_t>()));
  if (fits) {
    const auto number = value.get<std::int64_t>();
    if (number >= low && number <= high) return number;
  }
  refuse(name, value, fmt::format("a whole number from {} to {}", low, high));
}

double real_of(const json& value, std::string_view name, double low, double high) {
  if (value.is_number()) {
    const auto number = value.get<double>();
    if (std::isfinite(number) && number >= low && number <= high) return number;
  }
  const bool any = low == std::numeric_limits<double>::lowest();
  refuse(name, value, any ? "a number" : fmt::format("a number from {} to {}", low, high));
}

const std::string& text_of(const json& value, std::string_view name) {
  if (!value.is_string()) refuse(name, value, "a string");
  return value.get_ref<const std::string&>();
}

std::vector<std::string> texts_of(const json& value, std::string_view name) {
  if (!value.is_array()) refuse(name, value, "an array");
  std::vector<std::string> texts;
  for (const json& element : value) texts.push_back(text_of(element, name));
  return texts;
}

const json& member(const json& object, const char* key) {
  if (!object.is_object()) {
    throw std::invalid_argument(
        fmt::format("\"{}\" is missing: it must be in an object, but the value is {}", key,
                    object.type_name()));
  }
  const auto found = object.find(key);
  if (found == object.end()) throw std::invalid_argument(fmt::format("\"{}\" is missing", key));
  return *found;
}

const json& array_in(const json& object, const char* key) {
  const json& value = member(object, key);
  if (!value.is_array()) refuse(key, value, "an array");
  return value;
}

const std::string& text_in(const json& object, const char* key) {
  return text_of(member(object, key), key);
}

std::vector<std::string> texts_in(const json& object, const char* key) {
  return texts_of(member(object, key), key);
}

bool flag_in(const json& object, const char* key) {
  const json& value = member(object, key);
  if (!value.is_boolean()) refuse(key, value, "true or false");
  return value.get<bool>();
}

double real_in(const json& object, const char* key, double low, double high) {
  return real_of(member(object, key), key, low, high);
}

double real_or_nan_in(const json& object, const char* key) {
  if (member(object, key).is_null()) return std::numeric_limits<double>::quiet_NaN();
  return real_in(object, key);
}

}  // namespace convoy
