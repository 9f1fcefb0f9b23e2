// SPDX-License-Identifier: Apache-2.0
#include "cli/man_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/help.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

// Escapes text so that man(7) shows it unchanged.
std::string shown(std::string_view text) {
  std::string result;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    begins_line = c == '\n';
    switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '~':
        result += "\\(ti";
        break;
      case '`':
        result += "\\(ga";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::vector<std::string> paragraphs(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  bool continues = false;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) {
      continues = false;
    } else if (continues) {
      result.back() += "\n" + line;
    } else {
      result.push_back(line);
      continues = true;
    }
  }
  return result;
}

// A name in bold or a type of values in italics; the rest of a line is roman.
std::string bold(std::string_view text) {
  return fmt::format("\\fB{}\\fR", shown(text));
}
std::string italic(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("\\fI{}\\fR", shown(text));
}

std::string entry(std::string_view head, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", head, shown(text));
}

std::string options_of(const CLI::App& app) {
  std::string page;
  std::string positionals, others;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || !option->get_positional()) continue;
    positionals += entry(italic(option->get_name(true)), description_of(*option));
  }
  if (!positionals.empty()) page += ".SH ARGUMENTS\n" + positionals;
  for (const std::string& group : app.get_groups()) {
    std::string entries;
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_group() != group || !option->nonpositional()) continue;
      std::string head = bold(option->get_name(false, true));
      if (const std::string type = type_of(*option); !type.empty()) head += " " + italic(type);
      entries += entry(head, description_of(*option));
    }
    if (entries.empty() || group.empty()) continue;
    others += group == "Options" ? entries : fmt::format(".SS {}\n{}", shown(group), entries);
  }
  return page + ".SH OPTIONS\n" + others;
}

// The footer's examples and exit codes, which have sections of their own.
struct Footer {
  std::string description, exit_status, examples;
};

Footer footer_of(const CLI::App& app) {
  Footer footer;
  for (const std::string& paragraph : paragraphs(app.get_footer())) {
    constexpr std::string_view kExamples = "Examples:\n";
    if (paragraph.starts_with(kExamples)) {
      footer.examples += shown(paragraph.substr(kExamples.size())) + "\n";
    } else if (const auto at = paragraph.find("Exit codes: "); at != std::string::npos) {
      if (at > 0) footer.description += ".PP\n" + shown(paragraph.substr(0, at)) + "\n";
      footer.exit_status += shown(paragraph.substr(at)) + "\n";
    } else {
      footer.description += ".PP\n" + shown(paragraph) + "\n";
    }
  }
  return footer;
}

}  // namespace

std::string man_page(const CLI::App& program, const CLI::App* command) {
  const CLI::App& app = command != nullptr ? *command : program;
  const std::string of_command = command != nullptr ? command->get_name() : "";
  const std::string name = of_command.empty() ? "convoy" : "convoy-" + of_command;
  std::string page = fmt::format(
      ".TH {} 1 \"\" \"Convoy {}\" \"Convoy\"\n.\\\" Made from the text of --help.\n.nh\n.ad l\n"
      ".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}",
      shown(upper(name)), kVersion, shown(name), shown(app.get_description()),
      bold(of_command.empty() ? "convoy" : "convoy " + of_command));
  page += " [\\fIOPTION\\fR]...";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || !option->get_positional()) continue;
    const std::string text = italic(option->get_name(true));
    page += option->get_required() ? " " + text : fmt::format(" [{}]", text);
    if (option->get_expected_max() > 1) page += "...";
  }
  page += command == nullptr ? " \\fICOMMAND\\fR ...\n" : "\n";
  const Footer footer = footer_of(app);
  page += ".SH DESCRIPTION\n" + shown(app.get_description()) + ".\n" + footer.description;
  std::string others = of_command.empty() ? std::string() : ".BR convoy (1)";
  if (command == nullptr) page += ".SH COMMANDS\n";
  for (const CLI::App* one : program.get_subcommands(nullptr)) {
    if (one == command) continue;
    if (command == nullptr) page += entry(bold(one->get_name()), one->get_description());
    if (!others.empty()) others += ",\n";
    others += fmt::format(".BR convoy\\-{} (1)", shown(one->get_name()));
  }
  page += options_of(app);
  if (!footer.exit_status.empty()) page += ".SH EXIT STATUS\n" + footer.exit_status;
  if (!footer.examples.empty()) page += ".SH EXAMPLES\n.nf\n" + footer.examples + ".fi\n";
  return page + ".SH SEE ALSO\n" + others + "\n";
}

}  // namespace convoy::app
