// SPDX-License-Identifier: Apache-2.0
// The text and the look of a study's reports that have much content.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <set>

#include "report/gnuplot.hpp"
#include "report/table.hpp"
#include "study/folder.hpp"
#include "study/report.hpp"
#include "tests/apps/program.hpp"
#include "tests/report/xml.hpp"
#include "tests/study/made_study.hpp"

namespace convoy::test {
namespace {

using study::Grid;
using study::Study;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Every worker makes it faster, by less than two cores can.
double faster(const Grid& grid, int round) {
  return 10.0 / std::min(std::sqrt(grid.workers()), 1.9) * (1 + 0.001 * round);
}

Table with_column(const std::vector<std::string>& cells) {
  Table table{"t", "A caption.", {{"images / s"}}, {}};
  for (const std::string& cell : cells) table.rows.push_back({cell});
  return table;
}

// siunitx reads 14,588 as 14.588.
TEST(TexTables, NumbersHaveNoCommas) {
  const std::string text = to_latex(with_column({"14,588", "973.25", "-"}));
  EXPECT_THAT(text, HasSubstr("\\begin{tabular}{S[table-format=5.2]}"));
  EXPECT_THAT(text, HasSubstr("    14588 \\\\\n    973.25 \\\\\n    {-} \\\\\n"));
  EXPECT_THAT(text, HasSubstr("{images / s} \\\\")) << "a title is no number";
}

// It also reads "3e" or "2d" as numbers.
TEST(TexTables, AColumnWithWordsIsNoneOfNumbers) {
  for (const char* word : {"not reached", "3e", "2d", "1.2.3", "5.", ".5", "1 [0, 2]", "50 %"}) {
    const std::string text = to_latex(with_column({"14,588", word}));
    EXPECT_THAT(text, HasSubstr("\\begin{tabular}{r}")) << word;
    EXPECT_THAT(text, HasSubstr("    14,588 \\\\")) << word;
  }
}

TEST(TexTables, AreScaledDownToTheWidthOfTheText) {
  EXPECT_THAT(to_latex(with_column({"1"})),
              HasSubstr("\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}"));
}

TEST(TexTables, LongOnesAreCutIntoPagesAndLoseNoRow) {
  std::vector<std::string> cells;
  for (int row = 0; row < 97; ++row) cells.push_back(std::to_string(1000 + row));
  const std::string text = to_latex(with_column(cells));
  EXPECT_EQ(occurrences(text, "\\begin{table}"), 3);
  for (const char* words : {"\\label{tab:t}", "\\label{tab:t-2}", "\\label{tab:t-3}",
                            "(Part 1 of 3.)", "(Part 3 of 3.)"}) {
    EXPECT_THAT(text, HasSubstr(words));
  }
  for (const std::string& cell : cells) {
    EXPECT_EQ(occurrences(text, "    " + cell + " \\\\"), 1) << cell;
  }
}

TEST(StudyReport, NearEqualWarningsAreOneLine) {
  const Study made = made_study({{1, 1}, {1, 2}, {1, 4}, {1, 6}, {8, 1}}, 2, 3, faster);
  const study::Results results = analyse(made);
  EXPECT_THAT(
      flag_lines(results.experiments[0]),
      ElementsAre("1x4, 1x6, 8x1: more workers than the machine's 2 cores, so workers take turns"));
}

TEST(StudyReport, OneWarningKeepsItsNumbers) {
  const Study made = made_study({{1, 1}, {1, 4}}, 2, 3, faster);
  EXPECT_THAT(flag_lines(analyse(made).experiments[0]),
              ElementsAre("1x4: 4 workers on 2 cores, so workers take turns"));
}

// Warnings about the intervals of the time, of the speedup and of the serial run's time are one
// line.
TEST(StudyReport, NoiseIsSaidOnce) {
  const Study made = made_study({{1, 1}, {1, 2}}, 2, 3, [](const Grid& grid, int round) {
    return 10.0 / grid.workers() * (round == grid.workers() ? 2 : 1);
  });
  EXPECT_THAT(flag_lines(analyse(made).experiments[0]),
              ElementsAre("1x1 (time), 1x2 (time, speedup): an interval is wider than 20 % of its "
                          "value"));
}

// Another experiment's serial runs have no line in this table, so their faults are listed
// separately.
TEST(StudyReport, FaultsOfAnotherExperimentsSerialRunsAreSaid) {
  Study made = made_study({{1, 1}, {1, 2}}, 2, 3, faster);
  made.plan.experiments.push_back(made.plan.experiments[0]);
  made.plan.experiments[1].name = "slower";
  const std::vector<study::RunRecord> runs = made.runs;
  for (study::RunRecord run : runs) {
    run.experiment = 1;
    run.train_seconds *= 2;
    made.runs.push_back(run);
  }
  made.runs[0].busy_before = 1.5;
  const study::Results results = analyse(made);
  ASSERT_EQ(results.experiments[1].serial, "by data");
  EXPECT_THAT(flag_lines(results.experiments[1]),
              Contains(HasSubstr("the serial runs that it is")));
  EXPECT_THAT(flag_lines(results.experiments[0]),
              ElementsAre("1x1: other programs used the machine before or during 1 of 3 runs"));
}

// Two workers that take twice as long: Karp and Flatt's formula, and Amdahl's law, give 3.
TEST(StudyReport, FractionsOutsideZeroToOneAreWithheld) {
  const Study made = made_study({{1, 1}, {1, 2}, {2, 1}}, 2, 3,
                                [](const Grid& grid, int) { return 10.0 * grid.workers(); });
  const study::Results results = analyse(made);
  EXPECT_TRUE(std::isnan(results.experiments[0].layouts[1].serial_share.value));
  EXPECT_TRUE(std::isnan(results.experiments[0].serial_fraction.value));
  const std::string text = text_report(made, results, TextTarget::markdown);
  EXPECT_THAT(text, HasSubstr("is not from 0 to 1, so none is given"));
  EXPECT_THAT(text, Not(HasSubstr("3.00")));
}

TEST(StudyReport, NoCaptionRepeatsTheHeadingOrAnotherCaption) {
  Study made = made_study({{1, 1}, {1, 2}}, 2, 3, faster);
  made.plan.experiments[0].name = "Zeta";
  made.plan.experiments[0].per_layer = true;
  const study::Results results = analyse(made);
  std::set<std::string> captions;
  for (const Table& table : tables(results.experiments[0])) {
    EXPECT_THAT(table.caption, Not(HasSubstr("Zeta")));
    EXPECT_TRUE(captions.insert(table.caption).second) << table.caption;
  }
  for (const study::Figure& figure : figures(results.experiments[0], results.capacity)) {
    EXPECT_TRUE(captions.insert(figure.caption).second) << figure.caption;
  }
  EXPECT_THAT(latex(made, results), HasSubstr("\\caption{Zeta. Times: "))
      << "a float stands under no heading";
}

// A caption within the box that scrolls is cut off on a phone.
TEST(StudyReport, CaptionsOfTablesDoNotScroll) {
  const std::string html = to_html(with_column({"1"}));
  EXPECT_LT(html.find("A caption."), html.find("class=\"scroll\"")) << html;
  EXPECT_EQ(occurrences(html, "A caption."), 1) << "read out once";
}

TEST(StudyReport, FiguresAreFilesOfTheirOwn) {
  if (gnuplot::find().empty()) GTEST_SKIP() << "no gnuplot here: scripts/setup installs it";
  const ScratchFolder folder;
  const Study made = made_study({{1, 1}, {1, 2}, {1, 4}}, 2, 3, faster);
  write_reports(made, folder / "a");
  write_reports(made, folder / "b");
  for (const char* name : {"speedup", "efficiency", "time", "breakdown", "loss", "loss-seconds",
                           "accuracy", "accuracy-seconds"}) {
    const std::string file = std::string("figures/by-data-") + name;
    const std::string svg = read_file(folder / ("a/" + file + ".svg"));
    EXPECT_TRUE(texts_of_xml(svg)) << name;
    EXPECT_THAT(svg, HasSubstr("width=\"520\"")) << name;
    EXPECT_THAT(svg, Not(HasSubstr("var(--"))) << "not all programs know variables of CSS";
    EXPECT_EQ(svg, read_file(folder / ("b/" + file + ".svg")));
    const std::string pdf = read_file(folder / ("a/" + file + ".pdf"));
    EXPECT_TRUE(pdf.starts_with("%PDF-") && pdf.ends_with("%%EOF\n")) << name;
    EXPECT_EQ(occurrences(pdf, "%%EOF"), 1) << name;
    EXPECT_EQ(pdf, read_file(folder / ("b/" + file + ".pdf"))) << "the same study, other bytes";
  }
}

// A process that keeps a core busy until the destructor ends it.
class Spinner {
 public:
  Spinner() : child_(fork()) {
    for (volatile unsigned i = 0; child_ == 0;) i = i + 1;
  }
  ~Spinner() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

 private:
  pid_t child_;
};

TEST(BenchWarns, OnABusyMachine) {
  const ScratchFolder folder;
  const Spinner one, two, three;
  const Ended ended = run({"bench", "--seconds", "0.5", "--threads", "1", "--json"}, folder);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_GT(document(ended)["busy_cores"], 0.3);
  EXPECT_THAT(ended.err, HasSubstr("warning: other programs used"));
}

}  // namespace
}  // namespace convoy::test
