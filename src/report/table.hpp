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

std::string to_markdown(const Table& table);  // without the caption
// CSV of RFC 4180; the first line has the titles. Cells are printable and keep line ends and tabs.
// A cell that a spreadsheet would take for a formula, and that is not a number, begins with an
// apostrophe.
std::string to_csv(const Table& table);

// Floating `table` environments with booktabs rules, at most as wide as the text and not longer
// than a page. Columns of plain numbers use siunitx.
std::string to_latex(const Table& table);

// A <figure> with caption and <table>.
std::string to_html(const Table& table);

// Puts such a figure around the HTML of any table. A table that does not fit can be scrolled, also
// by keyboard; the caption does not scroll, and is as wide as the page.
std::string table_figure(std::string_view caption, std::string_view table_html);

// A paragraph, heading or cell of Markdown that shows any `text` literally: no HTML, no link, no
// other block.
std::string markdown_text(std::string_view text);

}  // namespace convoy
