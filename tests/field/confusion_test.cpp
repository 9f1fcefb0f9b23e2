// SPDX-License-Identifier: Apache-2.0
// A confusion matrix of 256 classes is readable on a terminal and on a page.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

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
  EXPECT_EQ(rows, 257u);
  EXPECT_EQ(cells, 3u * 256u);
  EXPECT_NE(html.find("class 7 (2)"), std::string::npos);
}

}  // namespace
}  // namespace convoy
