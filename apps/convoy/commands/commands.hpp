// SPDX-License-Identifier: Apache-2.0
// The subcommands. Each adds itself to the command line; once the line is parsed, `action` is what
// the chosen one does, and its value is the exit code. (add_fetch: fetch.hpp.)
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace convoy::app {

void add_train(CLI::App& app, std::function<int()>& action);
void add_eval(CLI::App& app, std::function<int()>& action);
void add_predict(CLI::App& app, std::function<int()>& action);
void add_info(CLI::App& app, std::function<int()>& action);
void add_bench(CLI::App& app, std::function<int()>& action);
void add_study(CLI::App& app, std::function<int()>& action);
void add_report(CLI::App& app, std::function<int()>& action);

}  // namespace convoy::app
