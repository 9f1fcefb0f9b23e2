// SPDX-License-Identifier: Apache-2.0
// The program convoy. Only main() catches exceptions: the message goes to stderr as one line,
// "convoy: problem (why): remedy", and the kind of error becomes the exit code. In a job of ranks,
// one rank prints the message.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>

#include "cli/command_line.hpp"
#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/man_page.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "fetch/fetch.hpp"
#include "supervision/ranks.hpp"

namespace convoy::app {
namespace {

int run(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words.front() == "help") {  // as other programs have it
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  CLI::App app("Convoy trains convolutional neural networks: same bits at any scale.", "convoy");
  app.set_version_flag("--version", fmt::format("convoy {}", kVersion), "Print the version");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Print this help");
  std::function<int()> action;
  add_train(app, {argv, argv + argc}, action);
  add_eval(app, action);
  add_predict(app, action);
  add_info(app, action);
  add_new(app, action);
  add_fetch(app, action);
  add_bench(app, action);
  add_study(app, action);
  add_report(app, action);
  for (CLI::App* command : app.get_subcommands(nullptr)) command->group("Commands");
  // Set after the commands are added, which would inherit it.
  app.footer(
      "Examples:\n"
      "  convoy train lenet5 --out runs/a    train on Fashion-MNIST with all cores\n"
      "  convoy eval runs/a                  test the result\n"
      "  convoy info                         models, data sets, and what this machine offers\n\n"
      "'convoy COMMAND --help' says more.");
  if (argc >= 2 && std::string_view(argv[1]) == "--man") {  // for the build; not in the help
    write_stdout(man_page(app, argc >= 3 ? &require_command(app, argv[2]) : nullptr));
    return kDone;
  }
  try {
    parse_words(app, words);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    write_stdout(chosen.empty() ? app.help() : chosen.front()->help("convoy"));
    return kDone;
  } catch (const CLI::CallForVersion& version) {
    write_stdout(fmt::format("{}\n", version.what()));
    return kDone;
  }
  return action();
}

}  // namespace
}  // namespace convoy::app

int main(int argc, char** argv) {
  using namespace convoy;
  const std::string_view command = argc > 1 ? argv[1] : "";
  // Only train is the work of many ranks; of other commands each process runs on its own.
  if (command == "train") app::join_job();
  app::Ending ending;
  try {
    app::secure_standard_streams();
    ending.code = app::run(argc, argv);
  } catch (...) {
    ending = app::ending_of(std::current_exception());
  }
  return app::leave_job(ending);
}
