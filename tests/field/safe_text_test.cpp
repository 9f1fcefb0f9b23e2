// SPDX-License-Identifier: Apache-2.0
// For any bytes, a terminal gets harmless text, a shell reads one word, and a reader of JSON,
// Markdown, CSV and LaTeX sees text.
#include "base/safe_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "report/table.hpp"
#include "study/report.hpp"
#include "tests/apps/program.hpp"
#include "tests/field/printed.hpp"
#include "tests/study/made_study.hpp"

namespace convoy::test {
namespace {

// Random bytes, and pieces that some format interprets.
std::string random_text(std::mt19937& dice, bool with_zero = true) {
  static const std::string pieces[] = {"\x1b[2J",
                                       "\x07",
                                       "\r\n",
                                       "\n",
                                       "\t",
                                       "\xc2\x9b",
                                       "\u202e",
                                       "\u2069",
                                       "\xff",
                                       "\xe2\x80",
                                       "é",
                                       "数",
                                       "\u200b",
                                       "\U0001f600",
                                       "'",
                                       "\\",
                                       "$(x)",
                                       "`x`",
                                       "!",
                                       "~",
                                       "=1+1",
                                       "-",
                                       " ",
                                       "<b>",
                                       "a",
                                       "\"",
                                       "\xed\xa0\x80",
                                       "\xf4\x90\x80\x80",
                                       "\xc0\x80",
                                       "{}",
                                       "\U000e0041"};
  std::string text;
  for (auto n = dice() % 12; n > 0; --n) {
    if (dice() % 3 == 0) {
      const char byte = static_cast<char>(dice() % 256);
      if (with_zero || byte != '\0') text += byte;
    } else {
      text += pieces[dice() % std::size(pieces)];
    }
  }
  return text;
}

TEST(SafeText, IsSafeWhateverTheBytes) {
  std::mt19937 dice(1);
  for (int round = 0; round < 20000; ++round) {
    const std::string raw = random_text(dice);
    const std::string line = printable(raw), lines = printable_lines(raw);
    ASSERT_TRUE(is_safe_to_print(line));
    ASSERT_EQ(line.find('\n'), std::string::npos);
    ASSERT_TRUE(is_printable(line));
    ASSERT_EQ(printable(line), line) << "once is enough";
    ASSERT_EQ(is_printable(raw), line == raw);
    std::string without_tabs = lines;
    std::erase(without_tabs, '\t');
    ASSERT_TRUE(is_safe_to_print(without_tabs));
    ASSERT_EQ(printable_lines(lines), lines);
    ASSERT_GE(line.size(), characters(line));
  }
}

TEST(SafeText, WhatIsHiddenIsSpelledOut) {
  EXPECT_EQ(printable("a\x1b[31m\a\r\n\tz"), "a\\x1b[31m\\x07\\r\\n\\tz");
  EXPECT_EQ(printable("\u202e \u0085 \U000e0041"), "\\u202e \\u0085 \\U000e0041");
  EXPECT_EQ(printable("\xff \xc0\x80 \xe2\x82"), "\\xff \\xc0\\x80 \\xe2\\x82");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  for (const char* kept : {"", "Ankle boot", "naïve", "数字", "C:\\x", "\U0001f600", "a‌b"}) {
    EXPECT_EQ(printable(kept), kept);
  }
}

TEST(SafeText, AWordLongerThanAnyPathIsCut) {
  const std::string path(4096, 'p');
  EXPECT_EQ(printable_message("no " + path + " here"), "no " + path + " here");
  EXPECT_EQ(printable_message("no " + std::string(100'000, 'x') + " here"),
            "no " + std::string(80, 'x') + "[... 99920 more characters] here");
  std::string umlauts;
  for (int i = 0; i < 5000; ++i) umlauts += "\u00e4";
  EXPECT_EQ(printable_message(umlauts), umlauts.substr(0, 160) + "[... 4920 more characters]");
}

TEST(SafeText, LinesKeepTheirEnds) {
  EXPECT_EQ(printable_lines("a\r\nb\n\tc\rd"), "a\nb\n\tc\\rd");
  EXPECT_EQ(printable_message("problem (x\nconvoy: done\n  indented\n y): do"),
            "problem (x\n  convoy: done\n  indented\n  y): do");
}

TEST(SafeText, AShellMakesTheSameWordOfIt) {
  std::mt19937 dice(2);
  std::vector<std::string> words{kHostileName, "", "~", "=ls", "a b", "-n", "*", "é", "%s", "!!"};
  for (int i = 0; i < 500; ++i) words.push_back(random_text(dice, false));
  const ScratchFolder folder;
  const std::string command = "printf '%s\\0' " + shell_command(words);
  ASSERT_TRUE(is_safe_to_print(command));
  ASSERT_EQ(command.find('\n'), std::string::npos);
  std::string expected;
  for (const std::string& word : words) expected += word + '\0';
  EXPECT_EQ(run_script(command, folder, "/bin/bash").out, expected);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path)) << "nothing was run";
}

TEST(SafeText, APathIsNeverAnOption) {
  EXPECT_EQ(shell_path("-rf"), "./-rf");
  EXPECT_EQ(shell_path("--out x"), "'./--out x'");
  EXPECT_EQ(shell_path("runs/a"), "runs/a");
}

TEST(SafeText, JsonKeepsItsValue) {
  std::mt19937 dice(3);
  for (int round = 0; round < 2000; ++round) {
    const nlohmann::json value{{"key", nlohmann::json::array({random_text(dice), 1.5, nullptr})}};
    const std::string raw = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string json = printable_json(raw);
    ASSERT_TRUE(is_safe_to_print(json));
    ASSERT_EQ(nlohmann::json::parse(json), nlohmann::json::parse(raw));
  }
}

std::string csv_of(const std::string& cell) {
  const std::string text = to_csv({"t", "", {{"title"}}, {{cell}}});
  const std::size_t begin = text.find("\r\n") + 2;
  return text.substr(begin, text.size() - 2 - begin);
}

TEST(SafeText, ASpreadsheetComputesNoCell) {
  EXPECT_EQ(csv_of("=1+1"), "'=1+1");
  EXPECT_EQ(csv_of("@SUM(A1,B1)"), "\"'@SUM(A1,B1)\"");
  EXPECT_EQ(csv_of("+cmd"), "'+cmd");
  EXPECT_EQ(csv_of("-cmd"), "'-cmd");
  EXPECT_EQ(csv_of(" =1"), "' =1");
  EXPECT_EQ(csv_of("\t=1"), "'\t=1");
  EXPECT_EQ(csv_of("\r=1"), "\\r=1") << "what is spelled out begins no formula";
  EXPECT_EQ(csv_of("-0.5"), "-0.5") << "a number";
  EXPECT_EQ(csv_of("-1e-05"), "-1e-05");
  EXPECT_EQ(csv_of("1x2: =1"), "1x2: =1");
}

TEST(SafeText, MarkdownShowsText) {
  const auto markdown = [](const char* text) { return literal_text(text, TextTarget::markdown); };
  EXPECT_EQ(markdown("<script>&"), "&lt;script>&amp;");
  EXPECT_EQ(markdown("# a\nb"), "\\# a b");
  EXPECT_EQ(markdown("[a](b) `c` *d*"), "\\[a\\](b) \\`c\\` \\*d\\*");
}

// A person reads the text itself, and no escape of another language.
TEST(SafeText, ATerminalShowsTextWithoutEscapes) {
  for (const char* text : {"0.145 × [0.0800, 0.264]", "-", "a|b", "<c> & `d` *e*", "# f", "g_h~"}) {
    EXPECT_EQ(literal_text(text, TextTarget::terminal), text);
  }
  EXPECT_EQ(literal_text("a\nb\x1b", TextTarget::terminal), "a b\\x1b");
}

// A study whose every text comes from elsewhere.
study::Study hostile_study() {
  study::Study made =
      made_study({{1, 1}, {1, 2}}, 2, 3, [](const study::Grid& g, int) { return 1.0 / g.threads; });
  const std::string text = "=cmd\n\\input{x} <script>alert(1)</script> " + kHostileName;
  made.plan.name = made.plan.model = made.plan.data = made.version = made.date = text;
  made.plan.experiments[0].name = made.machine.facts.cpu = text;
  for (study::RunRecord& run : made.runs) run.weights_sha256 = text;
  return made;
}

TEST(SafeText, AStudyFromElsewhereIsOnlyText) {
  const study::Study made = hostile_study();
  EXPECT_TRUE(is_safe_to_print(to_json(made))) << "a file that people look at in a terminal";
  const study::Results results = analyse(made);
  const std::string markdown = study::text_report(made, results, TextTarget::markdown);
  EXPECT_TRUE(is_safe_to_print(markdown));
  EXPECT_EQ(markdown.find("<script"), std::string::npos);
  EXPECT_EQ(markdown.find("<b>"), std::string::npos);
  EXPECT_NE(markdown.find("alert(1)"), std::string::npos) << "it is shown";
  const std::string terminal = study::text_report(made, results, TextTarget::terminal);
  EXPECT_TRUE(is_safe_to_print(terminal));
  EXPECT_NE(terminal.find("<script>alert(1)"), std::string::npos) << "it is only text";

  const std::string latex = study::latex(made, results);
  EXPECT_TRUE(is_safe_to_print(latex));
  for (std::size_t at = 0; (at = latex.find("\\input", at)) != std::string::npos; ++at) {
    EXPECT_EQ(latex[latex.rfind('\n', at) + 1], '%') << "only in a comment";
  }

  for (const Table& table : csv_tables(results)) {
    std::string csv = to_csv(table);
    std::erase(csv, '\r');
    EXPECT_TRUE(is_safe_to_print(csv));
    EXPECT_NE(csv.find("'=cmd"), std::string::npos);
  }
}

TEST(SafeText, LatexIsGivenNoLetterThatStopsIt) {
  EXPECT_NE(to_latex({"t", "", {{"title"}}, {{"数 é 😀"}}}).find("U+6570 é U+1F600"),
            std::string::npos);
}

}  // namespace
}  // namespace convoy::test
