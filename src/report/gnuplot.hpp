// SPDX-License-Identifier: Apache-2.0
// Runs the program gnuplot, which reads a script and prints a plot. It uses no shell, no named
// files, none of the user's start-up files, and an environment of its own.
#pragma once

#include <string>
#include <string_view>

namespace convoy::gnuplot {

// Returns the path of gnuplot; empty if it is not installed.
std::string find();

// Returns what gnuplot prints. Throws SystemError(io) with gnuplot's own message if it fails.
std::string run(const std::string& program, std::string_view script);

}  // namespace convoy::gnuplot
