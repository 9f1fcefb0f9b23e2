// SPDX-License-Identifier: Apache-2.0
// Finds bytes that must never reach a terminal, without any of Convoy's own functions.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace convoy::test {

// A name with every kind of harm: it clears the screen, rings the bell, returns to the beginning of
// the line, forges a line and a title, reverses the direction of writing, and is not UTF-8. (It has
// no slash and no zero byte, so it can be a file's name.)
inline const std::string kHostileName =
    "a\x1b[2J\x07\rb\nconvoy: done\x1b]0;title\x07 \xe2\x80\xae"
    "c \xc2\x9b"
    "31m \x7f \xff\xc0 `touch pwned`$(touch pwned);touch pwned '\"<b>";

inline ::testing::AssertionResult is_safe_to_print(std::string_view text) {
  const auto fault = [text](const std::string& what) {
    return ::testing::AssertionFailure()
           << what << " in: "
           << nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F) return fault("a control character");
  }
  try {
    [[maybe_unused]] const std::string strict = nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    return fault("no UTF-8");
  }
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xA0) return fault("C1");
  }
  for (const char* mark : {"\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d",
                           "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u2028", "\u2029"}) {
    if (text.find(mark) != std::string_view::npos) return fault("a mark of direction or line");
  }
  return ::testing::AssertionSuccess();
}

}  // namespace convoy::test
