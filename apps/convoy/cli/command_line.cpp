// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cli/address.hpp"
#include "cli/help.hpp"
#include "cli/other_spellings.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

// Null if there is none.
const CLI::App* command_named(const CLI::App& app, std::string_view name) {
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
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

// The value of the option `word`: after its '=', or the next of `words`; empty if there is none.
std::string value_of(const std::string& word, const std::vector<std::string>& words) {
  const std::size_t equals = word.find('=');
  if (equals != std::string::npos) return word.substr(equals + 1);
  const auto at = std::ranges::find(words, word);
  const bool has_next = at != words.end() && at + 1 != words.end() && !at[1].starts_with('-');
  return has_next ? at[1] : std::string();
}

// Reports CLI11's error, in our words if a remedy is known. `words` are those of the command line.
[[noreturn]] void refuse(const CLI::App& app, const std::vector<std::string>& words,
                         const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string help =
      chosen.empty() ? "convoy --help" : fmt::format("convoy {} --help", command.get_name());
  std::vector<std::string> extras = app.remaining(true);
  for (std::string& word : extras) {  // a misplaced address may hold a password
    if (word.find("://") != std::string::npos) word = shown_address(word);
  }
  for (const std::string& word : extras) {
    if (word.size() < 2 || word.front() != '-') continue;
    const std::string option = word.substr(0, word.find('='));
    if (const std::vector<std::string> known = option_names(command);
        !chosen.empty() && std::find(known.begin(), known.end(), option) != known.end()) {
      throw UserError(Fault::usage, fmt::format("{} comes before the command", option), "",
                      fmt::format("write it after: convoy {} {}", command.get_name(), option));
    }
    if (const auto remedy = remedy_for_spelling(command, option, value_of(word, words))) {
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

[[noreturn]] void refuse_value(const std::string& name, std::string_view problem,
                               std::string_view why, std::string_view remedy) {
  throw UserError(Fault::usage, fmt::format("{} {}", name, problem), why, remedy);
}

// An empty word comes from a variable of a script.
constexpr const char* kUnset = "perhaps a script's variable is not set";
constexpr const char* kGiveOne = "give a value, or leave it out";

const CLI::Option* option_named(const CLI::App& command, const std::string& word) {
  if (!word.starts_with('-')) return nullptr;
  return command.get_option_no_throw(word.substr(0, word.find('=')));
}

// Checks what CLI11 accepts or reports in words of its own: options without a value, with an empty
// one, or given twice, and flags with a value. (Of "--epochs --out a" it would take --out for the
// number.) What is unknown is left to refuse().
void check_words(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  std::set<const CLI::Option*> given;
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string& word = words[i];
    if (word.empty()) refuse_value(fmt::format("argument {}", i + 1), "is empty", kUnset, kGiveOne);
    if (command == &app) {
      if (const CLI::App* found = command_named(app, word)) command = found;
    }
    const CLI::Option* option = option_named(*command, word);
    if (option == nullptr) continue;
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const bool is_joined = equals != std::string::npos;
    if (option->get_items_expected_min() == 0) {  // a flag
      if (is_joined) refuse_value(name, "takes no value", "", "leave out what follows " + name);
      continue;
    }
    const std::string remedy = fmt::format("write {} {}", name, type_of(*option));
    if (!is_joined) {
      if (++i == words.size()) refuse_value(name, "has no value", "", remedy);
      if (option_named(*command, words[i]) != nullptr) {
        const std::string next = words[i].substr(0, words[i].find('='));
        refuse_value(name, "has no value", next + " follows it", remedy);
      }
    }
    const bool is_empty = is_joined ? equals + 1 == word.size() : words[i].empty();
    if (is_empty) refuse_value(name, "has an empty value", kUnset, kGiveOne);
    if (option->get_items_expected_max() == 1 && !given.insert(option).second) {
      refuse_value(name, "is given twice", "", "leave one of them out");
    }
  }
}

}  // namespace

void parse_words(CLI::App& app, const std::vector<std::string>& words) {
  check_words(app, words);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    throw;
  } catch (const CLI::CallForVersion&) {
    throw;
  } catch (const CLI::ParseError& error) {
    refuse(app, words, error);
  }
}

const CLI::App& require_command(const CLI::App& app, std::string_view name) {
  if (const CLI::App* command = command_named(app, name)) return *command;
  refuse_word("command", name, command_names(app), "convoy --help");
}

}  // namespace convoy::app
