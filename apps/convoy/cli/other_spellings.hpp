// SPDX-License-Identifier: Apache-2.0
// Names that options have in other training programs, and the equivalent options here.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace convoy::app {

// A remedy for an option that `command` does not have; none if there is no equivalent. `option` is
// as typed, without its value ("--lr", "-b"). `value` is its value, or empty; the remedy repeats it
// if every shell reads it unchanged.
std::optional<std::string> remedy_for_spelling(const CLI::App& command, std::string_view option,
                                               std::string_view value);

}  // namespace convoy::app
