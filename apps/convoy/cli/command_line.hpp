// SPDX-License-Identifier: Apache-2.0
// Reads the command line with CLI11, and explains each mistake in one message with a remedy.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::app {

// Gives `app` the words that follow the program's name. Throws UserError(usage) for a word that is
// unknown or misplaced, and for an option that has no value, an empty one or too many. Passes
// CLI::CallForHelp and CLI::CallForVersion on.
void parse_words(CLI::App& app, const std::vector<std::string>& words);

// The command of that name. Throws UserError(usage) if there is none, with the name that was
// probably meant.
const CLI::App& require_command(const CLI::App& app, std::string_view name);

}  // namespace convoy::app
