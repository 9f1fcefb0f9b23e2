// SPDX-License-Identifier: Apache-2.0
#include "net/config_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/nesting.hpp"
#include "net/toml_nesting.hpp"

// Some damaged files violate contracts inside of toml++ 3.3 (an abort, or undefined behaviour under
// clang's NDEBUG). So toml++ is compiled in this file alone, with contracts that throw, in every
// build mode and however the package provides it.
[[noreturn]] static void toml_contract_broken() {
  throw std::logic_error("the parser can't make sense of it");
}
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : toml_contract_broken())
#undef NDEBUG
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace convoy {
namespace {

// Converts toml++'s tree. A value's location is its line; all parts of an override have one
// location.
class Converter {
 public:
  explicit Converter(std::string_view source) : source_(source) {}
  explicit Converter(const ConfigLocation& location) : location_(&location) {}

  ConfigValue convert(const toml::node& node) const {
    ConfigValue value{{}, location(node.source())};
    if (const auto* table = node.as_table()) {
      value.data = convert_table(*table);
    } else if (const auto* array = node.as_array()) {
      ConfigArray values;
      for (const toml::node& element : *array) values.push_back(convert(element));
      value.data = std::move(values);
    } else if (const auto* flag = node.as_boolean()) {
      value.data = flag->get();
    } else if (const auto* whole = node.as_integer()) {
      value.data = whole->get();
    } else if (const auto* number = node.as_floating_point()) {
      value.data = number->get();
    } else if (const auto* string = node.as_string()) {
      value.data = string->get();
    } else {
      value.data = ConfigDate{};
    }
    return value;
  }

 private:
  // toml++ sorts keys by name; sorting by the location of the key restores the order of the file.
  ConfigTable convert_table(const toml::table& table) const {
    std::vector<std::pair<toml::source_position, ConfigEntry>> entries;
    for (const auto& [key, node] : table) {
      ConfigEntry entry{std::string(key.str()), convert(node)};
      if (node.is_table() || node.is_value()) entry.value.location = location(key.source());
      entries.emplace_back(key.source().begin, std::move(entry));
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    ConfigTable sorted;
    for (auto& entry : entries) sorted.push_back(std::move(entry.second));
    return sorted;
  }

  ConfigLocation location(const toml::source_region& region) const {
    if (location_ != nullptr) return *location_;
    return {fmt::format("{}:{}", source_, region.begin.line), false};
  }

  std::string_view source_;
  const ConfigLocation* location_ = nullptr;
};

std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (code < 0x20 || code == 0x7F) {
      result += fmt::format("\\u{:04X}", code);
    } else {
      result += c;
    }
  }
  return result + '"';
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// toml++ 3.3 has undefined behaviour at some non-ASCII characters in places where TOML does not
// allow them. A model needs such characters in comments alone. So comments are blanked here, and
// other non-ASCII characters are refused with their line.
std::string in_ascii(std::string_view text, std::string_view source) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // an editor's byte-order mark
  std::string result(text);
  bool in_comment = false;
  int line = 1;
  for (char& c : result) {
    if (c == '\n') {
      ++line;
      in_comment = false;
    } else if (c == '#') {
      in_comment = true;
    } else if (!is_ascii(c)) {
      if (!in_comment) {
        throw UserError(Fault::bad_data, fmt::format("{}:{}: not TOML", source, line),
                        "a character outside of ASCII", "keep such characters to comments");
      }
      c = '?';
    }
  }
  return result;
}

// Cuts a text for messages, at a whole character.
std::string shortened(std::string_view text, std::size_t longest = 60) {
  if (text.size() <= longest) return std::string(text);
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace

ConfigValue parse_config(std::string_view text, std::string_view source) {
  constexpr std::size_t kLongestReason = 200;  // it may hold a key of any length
  const std::string plain = in_ascii(text, source);
  // The limit of toml++ itself does not count dotted keys and headers.
  if (const auto line = line_nested_too_deeply(plain)) {
    throw UserError(
        Fault::bad_data, fmt::format("{}:{}: nested too deeply", source, *line),
        fmt::format("tables, arrays and dotted keys may go {} levels deep", kDeepestNesting),
        "write it with fewer levels");
  }
  try {
    const toml::table table = toml::parse(plain);
    ConfigValue value = Converter(source).convert(table);
    value.location.text = std::string(source);
    return value;
  } catch (const toml::parse_error& error) {
    throw UserError(Fault::bad_data,
                    fmt::format("{}:{}: not TOML", source, error.source().begin.line),
                    shortened(error.description(), kLongestReason), "correct this line");
  } catch (const std::logic_error& error) {
    throw UserError(Fault::bad_data, fmt::format("{}: not TOML", source), error.what(),
                    "look for a key without a name, or a bracket that is not closed");
  }
}

ConfigValue parse_config_value(std::string_view text, const ConfigLocation& location) {
  const bool may_be_toml = std::all_of(text.begin(), text.end(), is_ascii);
  const std::string entry = may_be_toml ? fmt::format("v = {}", text) : "";
  if (line_nested_too_deeply(entry)) {
    fail_at(location, "the value is nested too deeply",
            fmt::format("tables and arrays may go {} levels deep", kDeepestNesting),
            "write it with fewer levels");
  }
  try {
    const toml::table table = toml::parse(entry);
    const toml::node* value = table.get("v");
    if (table.size() == 1 && value != nullptr) return Converter(location).convert(*value);
  } catch (const toml::parse_error&) {
    // The text is a bare word.
  } catch (const std::logic_error&) {
    // The text is a bare word, too.
  }
  if (text.empty() || text.find_first_of("\"'[]{}=\n\r") != std::string_view::npos) {
    fail_at(location, fmt::format("the value '{}' is not TOML", shortened(text)), "",
            "write a number, true or false, a word, or a TOML value in quotes of the shell");
  }
  return {std::string(text), location};
}

const ConfigValue* find(const ConfigTable& table, std::string_view key) {
  for (const ConfigEntry& entry : table) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

ConfigValue* find(ConfigTable& table, std::string_view key) {
  return const_cast<ConfigValue*>(find(std::as_const(table), key));
}

std::string describe(const ConfigValue& value) {
  switch (value.data.index()) {
    case 0:
      return "a table";
    case 1:
      return "an array";
    case 2:
      return std::get<bool>(value.data) ? "true" : "false";
    case 3:
    case 4:
      return "the number " + to_toml(value);
    case 5:
      return "the string '" + shortened(std::get<std::string>(value.data)) + "'";
    default:
      return "a date or time";
  }
}

std::string to_toml(const ConfigValue& value) {
  if (const auto* table = std::get_if<ConfigTable>(&value.data)) {
    std::string text;
    for (const ConfigEntry& entry : *table) {
      text += text.empty() ? "{ " : ", ";
      text += is_bare_key(entry.key) ? entry.key : toml_string(entry.key);
      text += " = " + to_toml(entry.value);
    }
    return text.empty() ? "{}" : text + " }";
  }
  if (const auto* array = std::get_if<ConfigArray>(&value.data)) {
    std::string text = "[";
    for (const ConfigValue& element : *array) {
      if (text.size() > 1) text += ", ";
      text += to_toml(element);
    }
    return text + "]";
  }
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return fmt::format("{}", *whole);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{}", *number);
  if (const auto* string = std::get_if<std::string>(&value.data)) return toml_string(*string);
  return "\"a date\"";  // never written, since the reader accepts no date
}

void fail_at(const ConfigLocation& location, std::string_view problem, std::string_view why,
             std::string_view remedy) {
  throw UserError(location.from_override ? Fault::usage : Fault::bad_data,
                  fmt::format("{}: {}", location.text, problem), why, remedy);
}

}  // namespace convoy
