// SPDX-License-Identifier: Apache-2.0
// Every form of a table gives back the text of its cells, for any text.
#include "report/table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>

#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

const std::vector<std::string> kNasty{"",
                                      " ",
                                      "plain",
                                      "a|b",
                                      "a,b",
                                      "say \"so\"",
                                      "two\nlines",
                                      "\r\n",
                                      "\\",
                                      "\\\\",
                                      "\\textbf{x}",
                                      "{",
                                      "}",
                                      "50 %",
                                      "$x$",
                                      "a&b",
                                      "#1",
                                      "x_y",
                                      "x^2",
                                      "~",
                                      "<script>",
                                      "[0]",
                                      "*",
                                      "--threads",
                                      "---",
                                      "2 ranks × 2 threads",
                                      "0.5 ± 0.1 µs",
                                      "≥ 95 %",
                                      "a – b…",
                                      "=1+1",
                                      "é",
                                      "\xff\xfe",
                                      "`ls`",
                                      "</td>",
                                      "\x01",
                                      "|||",
                                      "' OR 1"};

Table nasty_table() {
  Table table{"nasty", "All & <sundry>", {{"name|&", false}, {"value %", true}}, {}};
  for (const std::string& cell : kNasty) table.rows.push_back({cell, cell});
  return table;
}

// A reader of CSV, following RFC 4180.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records{{""}};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = records.back().back();
    if (quoted && text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == ',') {
      records.back().emplace_back();
    } else if (!quoted && text.compare(i, 2, "\r\n") == 0) {
      records.push_back({""});
      ++i;
    } else {
      field += text[i];
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_EQ(records.back(), std::vector<std::string>{""}) << "the last line has an end";
  records.pop_back();
  return records;
}

// Cells that a terminal or a spreadsheet would interpret, and the text that is written for them.
const std::map<std::string, std::string> kObeyed{{"\xff\xfe", "\\xff\\xfe"},
                                                 {"\x01", "\\x01"},
                                                 {"two\r\nlines", "two\nlines"},
                                                 {"\r\n", "\n"},
                                                 {"\r", "\\r"},
                                                 {"=1+1", "'=1+1"},
                                                 {"--threads", "'--threads"},
                                                 {"---", "'---"}};

TEST(Table, CsvKeepsEveryByteThatNoProgramInterprets) {
  Table table = nasty_table();
  std::mt19937 dice(1);
  for (int round = 0; round < 300; ++round) {
    std::string cell;
    for (auto size = dice() % 6; size > 0; --size) cell += ",\"'\n a;"[dice() % 7];
    table.rows.push_back({cell, cell});
  }
  auto expected = table.rows;
  for (auto& row : expected) {
    for (std::string& cell : row) {
      if (kObeyed.contains(cell)) cell = kObeyed.at(cell);
    }
  }
  expected.insert(expected.begin(), {"name|&", "value %"});
  EXPECT_EQ(parse_csv(to_csv(table)), expected);
}

// The cells of a line of Markdown, split at bars without a backslash before them.
std::vector<std::string> markdown_cells(const std::string& line) {
  std::vector<std::string> cells(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      cells.back() += line[++i];
    } else if (line[i] == '|') {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  return cells;
}

TEST(Table, MarkdownHasALineARowAndACellAColumn) {
  const std::string text = to_text(nasty_table(), TextTarget::markdown);
  std::istringstream lines(text);
  std::string line;
  std::size_t count = 0;
  std::vector<std::vector<std::string>> rows;
  for (; std::getline(lines, line); ++count) {
    rows.push_back(markdown_cells(line));
    EXPECT_EQ(rows.back().size(), 4u) << line;  // including the empty ones at both ends
  }
  EXPECT_EQ(count, kNasty.size() + 2);
  EXPECT_NE(rows[1][2].find("-:"), std::string::npos) << "numbers to the right";
  EXPECT_EQ(rows[1][1].find(':'), std::string::npos);
  EXPECT_NE(text.find("a\\|b"), std::string::npos);
  EXPECT_EQ(text.find('<'), std::string::npos);
}

TEST(Table, ATerminalShowsTheCellsThemselvesInColumns) {
  const Table table{"t",
                    "",
                    {{"layout", false}, {"speedup", true}},
                    {{"1x2 [a]", "0.145 × [0.0800, 0.264]"}, {"2x1", "-"}}};
  EXPECT_EQ(to_text(table, TextTarget::terminal),
            "| layout  |                 speedup |\n"
            "| ------- | ----------------------- |\n"
            "| 1x2 [a] | 0.145 × [0.0800, 0.264] |\n"
            "| 2x1     |                       - |\n");
  EXPECT_EQ(to_text(table, TextTarget::markdown),
            "| layout    |                   speedup |\n"
            "| --------- | ------------------------: |\n"
            "| 1x2 \\[a\\] | 0.145 × \\[0.0800, 0.264\\] |\n"
            "| 2x1       |                        \\- |\n");
}

TEST(Table, HtmlIsWellFormedAndSaysWhatTheCellsSay) {
  const std::string html = to_html(nasty_table());
  const auto texts = texts_of_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + html);
  ASSERT_TRUE(texts) << html;
  for (const char* text :
       {"All & <sundry>", "<script>", "a&b", "</td>", "two lines", "\\textbf{x}"}) {
    EXPECT_TRUE(std::count(texts->begin(), texts->end(), text) > 0) << text;
  }
  EXPECT_EQ(occurrences(html, "<th scope=\"row\""), static_cast<int>(kNasty.size()));
  EXPECT_EQ(occurrences(html, "<th scope=\"col\""), 2);
  EXPECT_NE(html.find("\\xff\\xfe"), std::string::npos) << "what is no UTF-8";
}

// The LaTeX text of `cell`, from a row that holds it alone.
std::string latex_cell(const std::string& cell) {
  const Table table{"t", "", {{"", false}}, {{cell}}};
  const std::string text = to_latex(table);
  const std::string before = "\\midrule\n    ", after = " \\\\\n    \\bottomrule";
  const auto begin = text.find(before) + before.size();
  return text.substr(begin, text.find(after) - begin);
}

TEST(Table, LatexEscapesWhatHasAMeaning) {
  EXPECT_EQ(latex_cell("50 % of $x_1^2$ & #3"),
            "50 \\% of \\$x\\_1\\textasciicircum{}2\\$ \\& \\#3");
  EXPECT_EQ(latex_cell("\\input{a}"), "\\textbackslash{}input\\{a\\}");
  EXPECT_EQ(latex_cell("--threads"), "-{}-threads");
  EXPECT_EQ(latex_cell("---"), "-{}-{}-");
  EXPECT_EQ(latex_cell("[1pt]"), "{[}1pt{]}") << "no argument of the row before";
  EXPECT_EQ(latex_cell("*"), "{*}");
  EXPECT_EQ(latex_cell("2 × 2"), "2 $\\times$ 2");
  EXPECT_EQ(latex_cell("1 ± 0.5 µs, a – b… ≥ 3"), "1 $\\pm$ 0.5 $\\mu$s, a -- b\\dots{} $\\geq$ 3");
  EXPECT_EQ(latex_cell("é"), "é");
  EXPECT_EQ(latex_cell("two\nlines"), "two lines");
}

// Braces match, and every special character is escaped, for any cells.
TEST(Table, LatexStaysATable) {
  std::mt19937 dice(7);
  for (int round = 0; round < 500; ++round) {
    std::string cell;
    for (auto size = dice() % 12; size > 0; --size) cell += "\\{}$&#%_^~<>|\"`[]*- a"[dice() % 21];
    const std::string latex = latex_cell(cell);
    int depth = 0;
    for (std::size_t i = 0; i < latex.size(); ++i) {
      if (latex[i] == '\\') {
        ++i;
        continue;
      }
      EXPECT_EQ(std::string("$&#%_^~").find(latex[i]), std::string::npos) << latex;
      depth += latex[i] == '{' ? 1 : latex[i] == '}' ? -1 : 0;
      ASSERT_GE(depth, 0) << latex;
    }
    EXPECT_EQ(depth, 0) << latex;
    EXPECT_EQ(latex.find("--"), std::string::npos) << latex;
  }
}

TEST(Table, LatexHasTheRulesOfBooktabs) {
  const std::string text = to_latex(nasty_table());
  for (const char* part : {"\\begin{table}", "\\caption{All \\& \\textless{}sundry\\textgreater{}}",
                           "\\label{tab:nasty}", "\\begin{tabular}{lr}", "\\toprule", "\\midrule",
                           "\\bottomrule", "\\end{tabular}", "\\end{table}"}) {
    EXPECT_EQ(occurrences(text, part), 1) << part;
  }
  EXPECT_EQ(occurrences(text, " \\\\\n"), static_cast<int>(kNasty.size()) + 1);
}

}  // namespace
}  // namespace convoy::test
