// SPDX-License-Identifier: Apache-2.0
// The program gnuplot: a script in, what it prints out. No shell, no files with names, no start-up
// file of the user, an environment of its own.
#pragma once

#include <string>
#include <string_view>

namespace convoy::gnuplot {

// Its path; empty where it is not installed.
std::string find();

// Throws SystemError(io), with gnuplot's own words, where it fails.
std::string run(const std::string& program, std::string_view script);

}  // namespace convoy::gnuplot
