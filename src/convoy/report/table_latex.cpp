// SPDX-License-Identifier: Apache-2.0
// A table for a paper. Needs the package booktabs; everything else is LaTeX's own.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "convoy/base/safe_text.hpp"
#include "convoy/report/svg.hpp"
#include "convoy/report/table.hpp"

namespace convoy {
namespace {

// What LaTeX would take for a command, or would set as something else. A square bracket or a star
// behind the end of a row would be an argument of that end.
constexpr std::array<std::pair<char, std::string_view>, 18> kSpecial{{
    {'\\', "\\textbackslash{}"},
    {'{', "\\{"},
    {'}', "\\}"},
    {'$', "\\$"},
    {'&', "\\&"},
    {'#', "\\#"},
    {'%', "\\%"},
    {'_', "\\_"},
    {'^', "\\textasciicircum{}"},
    {'~', "\\textasciitilde{}"},
    {'<', "\\textless{}"},
    {'>', "\\textgreater{}"},
    {'|', "\\textbar{}"},
    {'"', "''"},
    {'`', "\\textasciigrave{}"},
    {'[', "{[}"},
    {']', "{]}"},
    {'*', "{*}"},
}};

// The letters with accents that LaTeX knows end here (Latin Extended-A). What is behind them, but
// for the symbols below, would stop it, and is spelled out.
constexpr char32_t kLastLetterOfLatex = 0x17F;

// Characters that LaTeX's fonts have under another name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 37> kSymbols{{
    {"×", "$\\times$"},
    {"±", "$\\pm$"},
    {"–", "--"},
    {"—", "---"},
    {"…", "\\dots{}"},
    {"≥", "$\\geq$"},
    {"≤", "$\\leq$"},
    {"≠", "$\\neq$"},
    {"≈", "$\\approx$"},
    {"∞", "$\\infty$"},
    {"−", "$-$"},
    {"·", "$\\cdot$"},
    {"÷", "$\\div$"},
    {"√", "$\\surd$"},
    {"∑", "$\\sum$"},
    {"µ", "$\\mu$"},
    {"μ", "$\\mu$"},
    {"α", "$\\alpha$"},
    {"β", "$\\beta$"},
    {"σ", "$\\sigma$"},
    {"Δ", "$\\Delta$"},
    {"→", "$\\rightarrow$"},
    {"←", "$\\leftarrow$"},
    {"°", "$^{\\circ}$"},
    {"¹", "$^{1}$"},
    {"²", "$^{2}$"},
    {"³", "$^{3}$"},
    {"½", "$\\frac{1}{2}$"},
    {"✓", "$\\surd$"},
    {"“", "``"},
    {"”", "''"},
    {"‘", "`"},
    {"’", "'"},
    {"\u00a0", "~"},
    {"\u2009", "\\,"},
    {"\u202f", "\\,"},
    {"\ufffd", "?"},
}};

std::string latex_text(std::string_view raw) {
  const std::string clean = svg::printable(raw);
  std::string result;
  for (std::string_view text = clean; !text.empty();) {
    const Character character = first_character(text);
    std::string_view taken = text.substr(0, character.bytes);
    std::string written(taken);
    if (character.code > kLastLetterOfLatex) {
      written = fmt::format("U+{:04X}", static_cast<std::uint32_t>(character.code));
    }
    for (const auto& [special, latex] : kSpecial) {
      if (text.front() == special) written = latex;
    }
    for (const auto& [symbol, latex] : kSymbols) {
      if (!text.starts_with(symbol)) continue;
      taken = symbol;
      written = latex;
    }
    result += written;
    text.remove_prefix(taken.size());
    if (taken == "-" && text.starts_with('-')) result += "{}";  // else two would become a dash
  }
  return result;
}

std::string latex_row(const std::vector<std::string>& cells) {
  std::string text = "    ";
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (c > 0) text += " & ";
    text += latex_text(cells[c]);
  }
  return text + " \\\\\n";
}

}  // namespace

std::string to_latex(const Table& table) {
  std::string alignment;
  std::vector<std::string> titles;
  for (const Table::Column& column : table.columns) {
    alignment += column.number ? 'r' : 'l';
    titles.push_back(column.title);
  }
  std::string text = fmt::format(
      "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n"
      "  \\begin{{tabular}}{{{}}}\n    \\toprule\n{}    \\midrule\n",
      latex_text(table.caption), table.name, alignment, latex_row(titles));
  for (const auto& row : table.rows) text += latex_row(row);
  return text + "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n";
}

}  // namespace convoy
