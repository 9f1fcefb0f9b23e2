// SPDX-License-Identifier: Apache-2.0
// A table of text, and its form in a report, a paper or a spreadsheet. Cells are UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace convoy {

struct Table {
  struct Column {
    std::string title;
    bool number = true;  // aligned to the right
  };

  std::string name;     // of its files: "speedup"
  std::string caption;  // a sentence
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // [row][column]
};

// The reader of a plain text: a program that sets Markdown, for which characters are escaped, or a
// person at a terminal, which would show the escapes.
enum class TextTarget { markdown, terminal };

// A line for the titles, a rule, and a line for each row; without the caption.
std::string to_text(const Table& table, TextTarget target);
// CSV of RFC 4180; the first line has the titles. Cells are printable and keep line ends and tabs.
// A cell that a spreadsheet would take for a formula, and that is not a number, begins with an
// apostrophe.
std::string to_csv(const Table& table);
// One cell of it, quoted where that is necessary.
std::string csv_field(std::string_view raw);

// Floating `table` environments with booktabs rules, at most as wide as the text and not longer
// than a page. Columns of plain numbers use siunitx.
std::string to_latex(const Table& table);

// A <figure> with caption and <table>.
std::string to_html(const Table& table);

// Puts such a figure around the HTML of any table. A table that does not fit can be scrolled, also
// by keyboard; the caption does not scroll, and is as wide as the page.
std::string table_figure(std::string_view caption, std::string_view table_html);

// A paragraph, heading or cell, on one line, that shows any `text` literally. In Markdown it
// becomes no HTML, no link and no other block.
std::string literal_text(std::string_view text, TextTarget target);

}  // namespace convoy
