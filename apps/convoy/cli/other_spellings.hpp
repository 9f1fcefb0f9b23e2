// SPDX-License-Identifier: Apache-2.0
// What options are called in other programs that train nets, and what does the same here.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace convoy::app {

// A remedy for an option that `command` does not have, or none where nothing here does the same.
// `option`: as it was typed, without its value ("--lr", "-b"). `value`: what stood behind it, empty
// where nothing did; it is repeated where no shell could misread it.
std::optional<std::string> remedy_for_spelling(const CLI::App& command, std::string_view option,
                                               std::string_view value);

}  // namespace convoy::app
