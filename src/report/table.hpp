// SPDX-License-Identifier: Apache-2.0
// A table of text, and what it looks like in a report, a paper or a spreadsheet. Cells are UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace convoy {

struct Table {
  struct Column {
    std::string title;
    bool number = true;  // set to the right
  };

  std::string name;     // of its files: "speedup"
  std::string caption;  // a sentence
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // [row][column]
};

std::string to_markdown(const Table& table);  // without the caption
// RFC 4180, a line of titles first. Cells are printable, with line ends and tabs of their own; one
// that a spreadsheet would take for a formula, and that is no number, begins with an apostrophe.
std::string to_csv(const Table& table);

// `table` floats with booktabs' rules, each as wide as the text at most and not longer than a page.
// Columns of plain numbers are siunitx's.
std::string to_latex(const Table& table);

// A <figure> with caption and <table>.
std::string to_html(const Table& table);

// Such a figure around the HTML of any table. What does not fit is scrolled, also by keyboard; the
// caption stays where it is, and is as wide as the page.
std::string table_figure(std::string_view caption, std::string_view table_html);

// A paragraph, heading or cell of Markdown that shows `text`, whatever it holds: no HTML, no link,
// no other block.
std::string markdown_text(std::string_view text);

}  // namespace convoy
