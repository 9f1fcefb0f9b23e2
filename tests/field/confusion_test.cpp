// SPDX-License-Identifier: Apache-2.0
// A confusion matrix of many classes is readable on a terminal and on a page, and small in memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/machine.hpp"
#include "report/confusion.hpp"

namespace convoy {
namespace {

// Sample i is of class i % classes; two in three samples of class 3 are predicted as 7.
Confusion made(Index classes) {
  std::vector<Label> labels;
  std::vector<std::uint16_t> predictions;
  for (Index i = 0; i < 3 * classes; ++i) {
    labels.push_back(static_cast<Label>(i % classes));
    const bool is_wrong = i % classes == 3 && i >= classes;
    predictions.push_back(static_cast<std::uint16_t>(is_wrong ? 7 : i % classes));
  }
  return {classes, labels, predictions};
}

std::vector<std::string> names_of(Index classes) {
  std::vector<std::string> names;
  for (Index i = 0; i < classes; ++i) names.push_back("class " + std::to_string(i));
  return names;
}

TEST(ManyClasses, EveryLineOfTheTextFitsATerminal) {
  for (const Index classes : {10, 20, 21, 100, 256}) {
    std::vector<std::string> names = names_of(classes);
    names[5] = std::string(200, 'x');
    std::istringstream lines(confusion_text(made(classes), names));
    std::size_t widest = 0, count = 0;
    for (std::string line; std::getline(lines, line); ++count)
      widest = std::max(widest, line.size());
    EXPECT_LE(widest, 130u) << classes;
    EXPECT_GE(count, static_cast<std::size_t>(classes));
  }
}

TEST(ManyClasses, ARowSaysWhatTheClassWasTakenFor) {
  std::istringstream lines(confusion_text(made(256), names_of(256)));
  std::string of_three;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("3 class 3")) of_three = line;
  EXPECT_NE(of_three.find("33.33 %"), std::string::npos) << of_three;
  EXPECT_NE(of_three.find("7 class 7 (2)"), std::string::npos) << of_three;
}

TEST(ManyClasses, ThePageHasARowForEachClass) {
  const std::string html = confusion_html(made(256), names_of(256), "caption");
  std::size_t rows = 0, cells = 0;
  for (std::size_t at = html.find("<tr>"); at != std::string::npos; at = html.find("<tr>", at + 1))
    ++rows;
  for (std::size_t at = html.find("<td"); at != std::string::npos; at = html.find("<td", at + 1))
    ++cells;
  EXPECT_EQ(rows, 258u);
  EXPECT_EQ(cells, 5u * 256u + 5u);
  EXPECT_NE(html.find("class 7 (2)"), std::string::npos);
}

// A dense matrix would have 32 GiB.
TEST(ManyClasses, TheMostClassesTakeLittleMemory) {
  const std::uint64_t before = peak_memory_bytes();
  const Confusion confusion = made(kMostClasses);
  EXPECT_EQ(confusion(3, 7), 2);
  EXPECT_EQ(confusion(3, 3), 1);
  EXPECT_EQ(confusion(3, 8), 0);
  EXPECT_EQ(confusion(65535, 65535), 3);
  EXPECT_EQ(confusion.samples(3), 3);
  EXPECT_EQ(confusion.largest(), 3);
  EXPECT_EQ(confusion.mistakes().size(), 1u);
  EXPECT_EQ(confusion.cells().size(), 65537u);
  EXPECT_LT(peak_memory_bytes(), before + (std::uint64_t{64} << 20));
}

TEST(ManyClasses, AListNamesThoseWithTheMostMistakes) {
  const Confusion confusion = made(1000);
  const std::string text = confusion_text(confusion, names_of(1000));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1 + 256 + 1 + 1);
  const std::string first_row = text.substr(text.find('\n') + 1);
  EXPECT_TRUE(first_row.starts_with("3 class 3")) << first_row.substr(0, 80);
  EXPECT_NE(text.find("The 256 of 1,000 classes with the most wrong predictions are listed."),
            std::string::npos);
  const std::string html = confusion_html(confusion, names_of(1000), "Caption.");
  EXPECT_NE(html.find("<caption>Caption. The 256 of 1,000 classes"), std::string::npos);
  EXPECT_LT(html.find("class 3<"), html.find("class 0<"));
  EXPECT_EQ(html.find("class 999"), std::string::npos);
}

}  // namespace
}  // namespace convoy
