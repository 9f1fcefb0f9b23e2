// SPDX-License-Identifier: Apache-2.0
// Writes a table for a paper. It needs the packages booktabs, graphicx and siunitx.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/safe_text.hpp"
#include "report/svg.hpp"
#include "report/table.hpp"

namespace convoy {
namespace {

// Characters that LaTeX would take for a command, or would set differently. A square bracket or a
// star after the end of a row would be an argument of that end.
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

// The last letter with an accent that LaTeX knows (Latin Extended-A). Characters after it, except
// the symbols below, would be errors in LaTeX, and are spelled out.
constexpr char32_t kLastLetterOfLatex = 0x17F;

// Characters that have another name in LaTeX's fonts.
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
    if (taken == "-" && text.starts_with('-'))
      result += "{}";  // otherwise the two would become a dash
  }
  return result;
}

// The number of digits before and after the decimal point.
struct Width {
  std::size_t whole = 1, part = 0;
};

// A plain number with its width. Thousands may be separated by commas, which are removed, because
// siunitx takes a comma for the decimal point.
std::optional<std::pair<std::string, Width>> plain_number(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ',') digits += c;
  }
  const std::string_view number = digits;
  const auto point = std::min(number.find('.'), number.size());
  const std::string_view whole = number.substr(0, point);
  const std::string_view part = number.substr(std::min(point + 1, number.size()));
  constexpr std::string_view kDigits = "0123456789";
  const bool good = !whole.empty() && whole.find_first_not_of(kDigits) == whole.npos &&
                    part.find_first_not_of(kDigits) == part.npos &&
                    (point == number.size() || !part.empty());
  if (!good) return std::nullopt;
  return std::pair(digits, Width{whole.size(), part.size()});
}

// The alignment of a column: text to the left, text to the right, or numbers by their points.
struct Setting {
  enum class Kind { left, right, numbers } kind = Kind::left;
  Width width;

  std::string preamble() const {
    if (kind != Kind::numbers) return kind == Kind::left ? "l" : "r";
    return fmt::format("S[table-format={}.{}]", width.whole, width.part);
  }

  // Puts text in a column of numbers in braces, because siunitx would read some words as numbers.
  std::string cell(std::string_view text) const {
    if (kind != Kind::numbers) return latex_text(text);
    const auto number = plain_number(text);
    return number ? number->first : "{" + latex_text(text) + "}";
  }
};

// Numbers are aligned by their points if all cells of the column that have a value are plain
// numbers.
Setting setting_of(const Table& table, std::size_t column) {
  if (!table.columns[column].number) return {};
  Setting setting{Setting::Kind::right, {}};
  for (const auto& row : table.rows) {
    const std::string& cell = row[column];
    if (cell.empty() || cell == "-") continue;
    const auto number = plain_number(cell);
    if (!number) return {Setting::Kind::right, {}};
    setting.kind = Setting::Kind::numbers;
    setting.width.whole = std::max(setting.width.whole, number->second.whole);
    setting.width.part = std::max(setting.width.part, number->second.part);
  }
  return setting;
}

std::string latex_row(const std::vector<Setting>& settings, const std::vector<std::string>& cells) {
  std::string text = "    ";
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (c > 0) text += " & ";
    text += settings[c].cell(cells[c]);
  }
  return text + " \\\\\n";
}

// The most rows that fit on a page below a caption of several lines.
constexpr std::size_t kRowsOfAPage = 40;

}  // namespace

// The type is small; a table that is still wider than the text is scaled down to it.
std::string to_latex(const Table& table) {
  std::string preamble;
  std::vector<std::string> titles;
  std::vector<Setting> settings;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    settings.push_back(setting_of(table, c));
    preamble += settings.back().preamble();
    titles.push_back(table.columns[c].title);
  }
  const std::size_t count = table.rows.size();
  const std::size_t parts = std::max<std::size_t>((count + kRowsOfAPage - 1) / kRowsOfAPage, 1);
  std::string text;
  for (std::size_t part = 0; part < parts; ++part) {
    if (part > 0) text += "\n";
    text += fmt::format(
        "\\begin{{table}}\n  \\centering\n  \\caption{{{}{}}}\n  \\label{{tab:{}{}}}\n"
        "  \\footnotesize\n  \\setlength{{\\tabcolsep}}{{4pt}}\n"
        "  \\sbox0{{\\begin{{tabular}}{{{}}}\n    \\toprule\n{}    \\midrule\n",
        latex_text(table.caption),
        parts == 1 ? "" : fmt::format(" (Part {} of {}.)", part + 1, parts), table.name,
        part == 0 ? "" : fmt::format("-{}", part + 1), preamble, latex_row(settings, titles));
    // The parts are about equally long.
    for (std::size_t r = part * count / parts; r < (part + 1) * count / parts; ++r) {
      text += latex_row(settings, table.rows[r]);
    }
    text +=
        "    \\bottomrule\n  \\end{tabular}}\n"
        "  \\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\n"
        "\\end{table}\n";
  }
  return text;
}

}  // namespace convoy
