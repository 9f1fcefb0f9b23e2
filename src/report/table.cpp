// SPDX-License-Identifier: Apache-2.0
#include "report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "report/svg.hpp"

namespace convoy {
namespace {

using Row = std::vector<std::string>;
using Escape = std::function<std::string(std::string_view)>;

Row titles(const Table& table) {
  Row row;
  for (const Table::Column& column : table.columns) row.push_back(column.title);
  return row;
}

Row escaped_row(const Row& row, const Escape& escape) {
  Row result;
  for (const std::string& cell : row) result.push_back(escape(cell));
  return result;
}

// All rows, titles first; each has as many cells as the table has columns.
std::vector<Row> all_rows(const Table& table, const Escape& escape) {
  std::vector<Row> rows{escaped_row(titles(table), escape)};
  for (const Row& row : table.rows) {
    CONVOY_ASSERT(row.size() == table.columns.size());
    rows.push_back(escaped_row(row, escape));
    rows.back().resize(table.columns.size());
  }
  return rows;
}

bool is_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

// A spreadsheet would compute a cell that begins with =, +, - or @ (it may skip blanks before it).
// An apostrophe, which it does not show, makes the cell a text. A lone sign, such as the "-" of
// standard input, is no formula.
std::string no_formula(std::string_view raw) {
  std::string text = printable_lines(raw);
  const std::size_t first = text.find_first_not_of(" \t\n");
  const bool begins_formula =
      first != std::string::npos && std::string_view("=+-@").find(text[first]) != std::string::npos;
  return begins_formula && text.size() > 1 && !is_number(text) ? "'" + text : text;
}

// Only long names are broken into lines.
std::string html_cell(std::string_view tag, std::string_view scope, bool number,
                      std::string_view text) {
  constexpr std::size_t kShort = 24;
  const char* kind = number                       ? " class=\"number\""
                     : characters(text) <= kShort ? " class=\"short\""
                                                  : "";
  return fmt::format("<{0}{1}{2}>{3}</{0}>", tag,
                     scope.empty() ? std::string() : fmt::format(" scope=\"{}\"", scope), kind,
                     text);
}

}  // namespace

std::string literal_text(std::string_view text, TextTarget target) {
  if (target == TextTarget::terminal) return svg::printable(text);
  std::string result;
  for (const char c : svg::printable(text)) {
    if (c == '<') {
      result += "&lt;";
    } else if (c == '&') {
      result += "&amp;";
    } else {
      if (std::string_view("\\|*_`[]~").find(c) != std::string_view::npos) result += '\\';
      result += c;
    }
  }
  // At the beginning of a line these characters would start a heading, a list or a quotation.
  if (!result.empty() && std::string_view("#-+>").find(result.front()) != std::string_view::npos) {
    result.insert(0, "\\");
  }
  return result;
}

std::string to_text(const Table& table, TextTarget target) {
  const std::vector<Row> rows =
      all_rows(table, [target](std::string_view cell) { return literal_text(cell, target); });
  const std::string end_of_number_rule = target == TextTarget::markdown ? ": " : "- ";
  std::vector<std::size_t> widths(table.columns.size(), 3);  // of the rule's "--:"
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], characters(row[c]));
    }
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      const std::string blank(widths[c] - characters(rows[r][c]), ' ');
      text += table.columns[c].number ? "| " + blank + rows[r][c] + " "
                                      : "| " + rows[r][c] + blank + " ";
    }
    text += "|\n";
    if (r > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string rule(widths[c] - 1, '-');
      text += "| " + rule + (table.columns[c].number ? end_of_number_rule : "- ");
    }
    text += "|\n";
  }
  return text;
}

std::string csv_field(std::string_view raw) {
  std::string text = no_formula(raw);
  const bool plain = text.find_first_of(",\"\n") == std::string::npos && !text.starts_with(' ') &&
                     !text.ends_with(' ');
  if (plain) return text;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + "\"";
}

std::string to_csv(const Table& table) {
  std::string text;
  for (const Row& row : all_rows(table, csv_field)) {
    for (std::size_t c = 0; c < row.size(); ++c) text += (c > 0 ? "," : "") + row[c];
    text += "\r\n";
  }
  return text;
}

std::string table_figure(std::string_view caption, std::string_view table_html) {
  return fmt::format(
      "<figure class=\"table\">\n<figcaption>{}</figcaption>\n"
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"table\">\n{}</div>\n"
      "</figure>\n",
      svg::escaped(caption), table_html);
}

std::string to_html(const Table& table) {
  const std::vector<Row> rows = all_rows(table, svg::escaped);
  std::string text = "<table>\n<thead>\n<tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    text += html_cell("th", "col", table.columns[c].number, rows[0][c]);
  }
  text += "</tr>\n</thead>\n<tbody>\n";
  for (std::size_t r = 1; r < rows.size(); ++r) {
    text += "<tr>";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const bool number = table.columns[c].number;
      // The first cell is the header of its row if it is a name.
      text += c == 0 && !number ? html_cell("th", "row", false, rows[r][c])
                                : html_cell("td", "", number, rows[r][c]);
    }
    text += "</tr>\n";
  }
  return table_figure(table.caption, text + "</tbody>\n</table>\n");
}

}  // namespace convoy
