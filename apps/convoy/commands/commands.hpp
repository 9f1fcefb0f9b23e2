// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each function adds its command to the command line. After parsing, `action` runs
// the chosen command and returns the exit code. (add_fetch() is in fetch.hpp.)
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace convoy::app {

// `command_line`: of this process, with which --ranks starts each rank.
void add_train(CLI::App& app, std::vector<std::string> command_line, std::function<int()>& action);
void add_eval(CLI::App& app, std::function<int()>& action);
void add_predict(CLI::App& app, std::function<int()>& action);
void add_info(CLI::App& app, std::function<int()>& action);
void add_new(CLI::App& app, std::function<int()>& action);
void add_bench(CLI::App& app, std::function<int()>& action);
void add_study(CLI::App& app, std::function<int()>& action);
void add_report(CLI::App& app, std::function<int()>& action);

}  // namespace convoy::app
