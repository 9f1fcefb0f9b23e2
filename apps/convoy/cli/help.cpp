// SPDX-License-Identifier: Apache-2.0
#include "cli/help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "internal.hpp"

namespace convoy::app {
namespace {

constexpr std::size_t kIndent = 30;  // of descriptions
constexpr std::size_t kWidth = 92;

// `name`, and beside it (or below it, if it is too long) the wrapped description.
std::string entry(const std::string& name, const std::string& description) {
  std::string text = "  " + name;
  std::size_t column = text.size();
  if (column + 2 > kIndent && !description.empty()) {
    text += "\n";
    column = 0;
  }
  std::istringstream words(description);
  bool first = true;
  for (std::string word; words >> word; first = false) {
    if (first || column + 1 + word.size() > kWidth) {
      if (!first) text += "\n";
      text += std::string(kIndent - (first ? column : 0), ' ');
      column = kIndent;
    } else {
      text += " ";
      ++column;
    }
    text += word;
    column += word.size();
  }
  return text + "\n";
}

}  // namespace

HelpFormatter::HelpFormatter() {
  label("SUBCOMMAND", "COMMAND");
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  return CLI::detail::find_and_replace(Formatter::make_help(app, std::move(name), mode), "\n\n\n",
                                       "\n\n");
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string type = type_of(*option);
  return type.empty() || option->get_positional() ? std::string() : " " + type;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return entry(make_option_name(option, is_positional) + make_option_opts(option),
               description_of(*option));
}

std::string type_of(const CLI::Option& option) {
  return option.get_type_size() != 0 ? option.get_type_name() : std::string();
}

std::string description_of(const CLI::Option& option) {
  const std::string& standard = option.get_default_str();
  return option.get_description() +
         (standard.empty() ? std::string() : fmt::format("; default: {}", standard));
}

CLI::Validator fraction() {
  return CLI::Validator(
      [](const std::string& text) {
        double value = 0;
        return CLI::detail::lexical_cast(text, value) && value >= 0 && value < 1
                   ? std::string()
                   : text + " is not a number from 0 to less than 1";
      },
      "");
}

CLI::Validator whole_number(long long lowest, long long highest) {
  return CLI::Validator(
      [lowest, highest](const std::string& text) {
        long long value = 0;
        const char* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && at == end && value >= lowest && value <= highest) {
          return std::string();
        }
        const bool is_too_high = error == std::errc::result_out_of_range || value > highest;
        return fmt::format("{} is not a whole number from {} {}", text, lowest,
                           is_too_high ? fmt::format("to {}", highest) : "up");
      },
      "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::Validator(
      [words = std::move(words)](const std::string& text) {
        return std::find(words.begin(), words.end(), text) != words.end()
                   ? std::string()
                   : fmt::format("{} is not one of {}", text, fmt::join(words, ", "));
      },
      "");
}

CLI::Validator readable(std::function<void(const std::string&)> parse, std::string wanted) {
  return CLI::Validator(
      [parse = std::move(parse), wanted = std::move(wanted)](const std::string& text) {
        try {
          parse(text);
          return std::string();
        } catch (const UserError&) {
          return fmt::format("{} is not {}", text, wanted);
        }
      },
      "");
}

}  // namespace convoy::app
