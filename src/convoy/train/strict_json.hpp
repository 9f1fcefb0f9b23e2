// SPDX-License-Identifier: Apache-2.0
// JSON as read from files that may lie: no duplicate names, no deep nesting, one kind of error.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/base/check.hpp"

namespace convoy {

// Throws std::invalid_argument with the reason: the caller knows the file and the remedy.
inline nlohmann::json parse_strict_json(std::string_view text) {
  constexpr int kDeepest = 8;
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= kDeepest) throw std::invalid_argument("it is nested too deeply");
      if (event == Event::object_start) names.emplace_back();
    } else if (event == Event::object_end) {
      names.pop_back();
    } else if (event == Event::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names.back().insert(name).second) {
        throw std::invalid_argument("the name \"" + name + "\" stands in it twice");
      }
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(std::string("it is not JSON: ") + error.what());
  }
}

// Names and paths need not be UTF-8; JSON has to be.
template <class Json>  // json or ordered_json
std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace convoy
