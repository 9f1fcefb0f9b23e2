// SPDX-License-Identifier: Apache-2.0
// Manual pages, generated from the options and texts of --help. `convoy --man [COMMAND]` prints a
// page; the build generates all of them for the installation (CMakeLists.txt).
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace convoy::app {

// The page of a command, or of the program if `command` is null, in the language man(7).
// `program` is the parser that holds all commands and has a HelpFormatter.
std::string man_page(const CLI::App& program, const CLI::App* command);

}  // namespace convoy::app
