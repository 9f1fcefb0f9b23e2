// SPDX-License-Identifier: Apache-2.0
// The program convoy. Only main() catches exceptions: the message goes to stderr as one line,
// "convoy: problem (why): remedy", and the kind of error becomes the exit code. In a job of ranks,
// one rank prints the message.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <functional>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/man_page.hpp"
#include "cli/options.hpp"
#include "cli/other_spellings.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "fetch/address.hpp"
#include "fetch/fetch.hpp"
#include "supervision/ranks.hpp"

namespace convoy::app {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

[[noreturn]] void refuse_word(std::string_view kind, std::string_view word,
                              const std::vector<std::string>& known, const std::string& help) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view meant = nearest(word, candidates);
  throw UserError(
      Fault::usage, fmt::format("unknown {} {}", kind, word), "",
      meant.empty() ? fmt::format("see '{}'", help) : fmt::format("did you mean {}?", meant));
}

// The value of the option `words[at]`: after its '=', or the next word; empty if there is none.
std::string value_after(const std::vector<std::string>& words, std::size_t at) {
  const std::size_t equals = words[at].find('=');
  if (equals != std::string::npos) return words[at].substr(equals + 1);
  const bool has_next = at + 1 < words.size() && !words[at + 1].starts_with('-');
  return has_next ? words[at + 1] : std::string();
}

// Reports CLI11's error, in our words if a remedy is known.
[[noreturn]] void refuse(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string help =
      chosen.empty() ? "convoy --help" : fmt::format("convoy {} --help", command.get_name());
  std::vector<std::string> extras = app.remaining(true);
  for (std::string& word : extras) {  // a misplaced address may hold a password
    if (word.find("://") != std::string::npos) word = shown_address(word);
  }
  for (std::size_t i = 0; i < extras.size(); ++i) {
    const std::string& word = extras[i];
    if (word.size() < 2 || word.front() != '-') continue;
    const std::string option = word.substr(0, word.find('='));
    if (const std::vector<std::string> known = option_names(command);
        !chosen.empty() && std::find(known.begin(), known.end(), option) != known.end()) {
      throw UserError(Fault::usage, fmt::format("{} comes before the command", option), "",
                      fmt::format("write it after: convoy {} {}", command.get_name(), option));
    }
    if (const auto remedy = remedy_for_spelling(command, option, value_after(extras, i))) {
      throw UserError(Fault::usage, fmt::format("unknown option {}", option), "", *remedy);
    }
    refuse_word("option", option, option_names(command), help);
  }
  if (!extras.empty()) {
    if (chosen.empty()) refuse_word("command", extras.front(), command_names(app), help);
    throw UserError(Fault::usage, fmt::format("unexpected argument {}", extras.front()), "",
                    fmt::format("see '{}'", help));
  }
  if (chosen.empty()) {
    throw UserError(
        Fault::usage, "no command is given", "",
        fmt::format("choose one of {}; see '{}'", fmt::join(command_names(app), ", "), help));
  }
  throw UserError(Fault::usage, error.what(), "", fmt::format("see '{}'", help));
}

// An empty word comes from an unset variable in a script; CLI11 would take the next word for the
// value of "--out=".
void refuse_empty_words(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return;
    if (!word.empty() && !(word.starts_with("--") && word.ends_with('='))) continue;
    throw UserError(Fault::usage,
                    word.empty() ? fmt::format("argument {} is empty", i)
                                 : fmt::format("{} has no value", word),
                    "perhaps a script's variable is not set", "give a value, or leave it out");
  }
}

int run(int argc, char** argv) {
  refuse_empty_words(argc, argv);
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
    const CLI::App* command = nullptr;
    for (const CLI::App* one : app.get_subcommands(nullptr)) {
      if (argc >= 3 && one->get_name() == argv[2]) command = one;
    }
    if (argc >= 3 && command == nullptr) {
      refuse_word("command", argv[2], command_names(app), "convoy --help");
    }
    write_stdout(man_page(app, command));
    return kDone;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    write_stdout(chosen.empty() ? app.help() : chosen.front()->help("convoy"));
    return kDone;
  } catch (const CLI::CallForVersion& version) {
    write_stdout(fmt::format("{}\n", version.what()));
    return kDone;
  } catch (const CLI::ParseError& error) {
    refuse(app, error);
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
