// SPDX-License-Identifier: Apache-2.0
// The format of the program's help: that of CLI11, with our names of value types, and wrapped.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

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

// Accepts a whole number of at least `lowest`. Its message is a plain sentence, and it adds nothing
// to the help.
CLI::Validator whole_number(long long lowest);

// Accepts one of these words, which the option's type name lists.
CLI::Validator one_of(std::vector<std::string> words);

}  // namespace convoy::app
