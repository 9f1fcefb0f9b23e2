// SPDX-License-Identifier: Apache-2.0
#include "base/safe_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace convoy {
namespace {

struct Range {
  char32_t first, last;
};

// Sorted ranges.
constexpr std::array<Range, 15> kNotShown{{
    {0x00, 0x1F},        // C0: escape, bell, line end ...
    {0x7F, 0x9F},        // DEL; C1, in which 9B means "escape [" in one character
    {0xAD, 0xAD},        // soft hyphen
    {0x61C, 0x61C},      // Arabic letter mark
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x200B, 0x200B},    // zero width space (joiners are kept, since some scripts need them)
    {0x200E, 0x200F},    // marks of direction
    {0x2028, 0x202E},    // line and paragraph separator; embeddings and overrides of direction
    {0x2060, 0x206F},    // invisible operators; isolates of direction
    {0xFDD0, 0xFDEF},    // noncharacters
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFF9, 0xFFFB},    // interlinear annotation
    {0xFFFE, 0xFFFF},    // noncharacters, at the end of each plane
    {0x1D173, 0x1D17A},  // musical notation
    {0xE0000, 0xE0FFF},  // tags
}};

bool is_shown_as_itself(char32_t code) {
  if ((code & 0xFFFE) == 0xFFFE) return false;
  return std::ranges::none_of(kNotShown,
                              [code](const Range& r) { return r.first <= code && code <= r.last; });
}

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// The length of the character that begins with the byte `first`, provided that the other bytes
// follow; 0 where no character begins so.
std::size_t size_by_first(unsigned first) {
  return first < 0x80   ? 1
         : first < 0xC2 ? 0
         : first < 0xE0 ? 2
         : first < 0xF0 ? 3
         : first < 0xF5 ? 4
                        : 0;
}

std::string spelled_out(const Character& character) {
  if (character.is_utf8) {
    if (character.code == '\n') return "\\n";
    if (character.code == '\r') return "\\r";
    if (character.code == '\t') return "\\t";
  }
  const auto code = static_cast<std::uint32_t>(character.code);
  return !character.is_utf8 || code < 0x80 ? fmt::format("\\x{:02x}", code)
         : code <= 0xFFFF                  ? fmt::format("\\u{:04x}", code)
                                           : fmt::format("\\U{:08x}", code);
}

// Calls `take` with the rest of the text; it returns how many bytes at the beginning stay as they
// are.
template <class Kept>
std::string printable_but(std::string_view text, const Kept& kept) {
  std::string result;
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.is_shown || kept(character)) {
      result += text.substr(0, character.bytes);
    } else {
      result += spelled_out(character);
    }
    text.remove_prefix(character.bytes);
  }
  return result;
}

// `text` is printable. Spaces and line ends separate words.
std::string with_long_words_cut(std::string_view text) {
  constexpr std::size_t kLongest = 4096, kShown = 80;
  std::string result;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(word.size());
    if (const std::size_t length = word.size() <= kLongest ? 0 : characters(word);
        length > kLongest) {
      std::string_view rest = word;
      for (std::size_t i = 0; i < kShown; ++i) rest.remove_prefix(first_character(rest).bytes);
      result += word.substr(0, word.size() - rest.size());
      result += "[... " + std::to_string(length - kShown) + " more characters]";
    } else {
      result += word;
    }
    const std::size_t separators = std::min(text.find_first_not_of(" \n"), text.size());
    result += text.substr(0, separators);
    text.remove_prefix(separators);
  }
  return result;
}

}  // namespace

Character first_character(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  const std::size_t size = size_by_first(first);
  const Character no_utf8{1, first, false, false};
  if (size == 0 || size > text.size()) return no_utf8;
  char32_t code = size == 1 ? first : first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const unsigned next = byte_at(text, i);
    if ((next & 0xC0) != 0x80) return no_utf8;
    code = code << 6 | (next & 0x3F);
  }
  constexpr std::array<char32_t, 5> kLowest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLowest[size] || surrogate || code > 0x10FFFF) return no_utf8;
  return {size, code, true, is_shown_as_itself(code)};
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const Character character = first_character(text);
    if (!character.is_shown) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

std::string printable(std::string_view text) {
  return printable_but(text, [](const Character&) { return false; });
}

std::string printable_lines(std::string_view text) {
  std::string unix_lines(text);
  for (std::size_t at = 0; (at = unix_lines.find("\r\n", at)) != std::string::npos;) {
    unix_lines.erase(at, 1);
  }
  return printable_but(unix_lines, [](const Character& character) {
    return character.is_utf8 && (character.code == '\n' || character.code == '\t');
  });
}

std::string printable_message(std::string_view text) {
  std::string result = with_long_words_cut(printable_lines(text));
  for (std::size_t end = 0; (end = result.find('\n', end)) != std::string::npos; ++end) {
    std::size_t indent = result.find_first_not_of(' ', end + 1);
    if (indent == std::string::npos) indent = result.size();
    const std::size_t spaces = indent - (end + 1);
    if (spaces < 2) result.insert(end + 1, 2 - spaces, ' ');
  }
  return result;
}

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(first_character(text).bytes);
  return count;
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  // Some shells replace a word with a leading '=' by the path of a program.
  if (!word.empty() && word.front() != '=' &&
      word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  if (is_printable(word)) {
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
  }
  std::string quoted = "$'";
  while (!word.empty()) {
    const Character character = first_character(word);
    const bool special = character.code == '\'' || character.code == '\\' || character.code == '!';
    for (const char c : word.substr(0, character.bytes)) {
      if (character.is_shown && !special) {
        quoted += c;
      } else {
        quoted += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
      }
    }
    word.remove_prefix(character.bytes);
  }
  return quoted + "'";
}

std::string shell_path(const std::filesystem::path& path) {
  const std::string text = path.string();
  return shell_word(text.starts_with('-') ? "./" + text : text);
}

std::string shell_command(std::span<const std::string> words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_word(word);
  return line;
}

std::string printable_json(std::string_view json) {
  std::string result;
  while (!json.empty()) {
    const Character character = first_character(json);
    const auto code = static_cast<std::uint32_t>(character.code);
    if (character.is_shown || code < 0x20) {  // inside strings, JSON has escapes for these already
      result += json.substr(0, character.bytes);
    } else if (code <= 0xFFFF) {
      result += fmt::format("\\u{:04x}", code);
    } else {
      const std::uint32_t beyond = code - 0x10000;
      result +=
          fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (beyond >> 10), 0xDC00 + (beyond & 0x3FF));
    }
    json.remove_prefix(character.bytes);
  }
  return result;
}

}  // namespace convoy
