// SPDX-License-Identifier: Apache-2.0
// The format of the program's help: that of CLI11, with our names of value types, and wrapped.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace convoy::app {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
};

// The parts of an option in the help and the manual pages: the type of its value, "N" or
// "best|last" (empty for a flag), and its description, which ends with the default.
std::string type_of(const CLI::Option& option);
std::string description_of(const CLI::Option& option);

// Accepts a whole number in [lowest, highest]. Its message is a plain sentence, and it adds nothing
// to the help.
CLI::Validator whole_number(long long lowest,
                            long long highest = std::numeric_limits<long long>::max());

// Accepts a number from 0 to less than 1.
CLI::Validator fraction();

// Accepts one of these words.
CLI::Validator one_of(std::vector<std::string> words);

// Accepts a text for which `parse` throws no UserError; `wanted` says which these are.
CLI::Validator readable(std::function<void(const std::string&)> parse, std::string wanted);

}  // namespace convoy::app
