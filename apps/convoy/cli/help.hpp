// SPDX-License-Identifier: Apache-2.0
// How the program's help reads: CLI11's, with what it says of types left to us, and wrapped.
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

// Of an option, as the help and the manual pages have it: the type of its value, "N" or "best|last"
// (empty for a flag), and its description, which ends with the default.
std::string type_of(const CLI::Option& option);
std::string description_of(const CLI::Option& option);

// A check whose message reads well, and that says nothing in the help: a whole number, `lowest` or
// more.
CLI::Validator whole_number(long long lowest);

// One of a few words, which the option's type name lists.
CLI::Validator one_of(std::vector<std::string> words);

}  // namespace convoy::app
