// SPDX-License-Identifier: Apache-2.0
#include "report/confusion.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "report/class_scores.hpp"
#include "report/gallery.hpp"
#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

std::optional<std::vector<std::string>> texts_of(const std::string& html) {
  return texts_of_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + html);
}

TEST(Confusion, CountsEverySampleOnce) {
  std::mt19937 dice(3);
  for (int round = 0; round < 50; ++round) {
    const Index classes = 2 + static_cast<Index>(dice() % 12);
    std::vector<Label> labels(dice() % 500);
    std::vector<std::uint16_t> predictions(labels.size());
    Index right = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      labels[i] = static_cast<Label>(dice() % static_cast<unsigned>(classes));
      predictions[i] = static_cast<std::uint16_t>(dice() % static_cast<unsigned>(classes));
      right += labels[i] == predictions[i];
    }
    const Confusion confusion(classes, labels, predictions);
    Index of_cells = 0;
    for (Index t = 0; t < classes; ++t) {
      for (Index p = 0; p < classes; ++p) of_cells += confusion(t, p);
    }
    EXPECT_EQ(of_cells, static_cast<Index>(labels.size()));
    Index samples = 0, wrong = 0, before = confusion.largest();
    for (Index c = 0; c < classes; ++c) samples += confusion.samples(c);
    for (const Confusion::Cell& mistake : confusion.mistakes()) {
      EXPECT_NE(mistake.truth, mistake.predicted);
      EXPECT_LE(mistake.count, before);
      before = mistake.count;
      wrong += mistake.count;
    }
    EXPECT_EQ(samples, static_cast<Index>(labels.size()));
    EXPECT_EQ(wrong, samples - right);
  }
}

TEST(Confusion, TheTableHasRowsOfTheTruth) {
  const std::vector<Label> labels{0, 0, 0, 1};
  const std::vector<std::uint16_t> predictions{0, 0, 1, 1};
  const std::vector<std::string> names{"<cat> & \"dog\"", "b", "never"};
  const std::string html = confusion_html(Confusion(3, labels, predictions), names, "What & what");
  const auto texts = texts_of(html);
  ASSERT_TRUE(texts) << html;
  // Two heads, then each row: name, counts, scores.
  const std::vector<std::string> expected{
      "What & what", "true class", "predicted class", "recall",  "precision", "F1",     names[0],
      names[1],      names[2],     names[0],          "2",       "1",         "0",      "66.67 %",
      "100.00 %",    "80.00 %",    names[1],          "0",       "1",         "0",      "100.00 %",
      "50.00 %",     "66.67 %",    names[2],          "0",       "0",         "0",      "-",
      "-",           "-",          "macro average",   "83.33 %", "75.00 %",   "73.33 %"};
  EXPECT_EQ(*texts, expected);
  EXPECT_EQ(occurrences(html, "class=\"hit\""), 2);
  EXPECT_EQ(occurrences(html, "class=\"miss\""), 1);
}

// What scikit-learn 1.9.1's precision_recall_fscore_support gives for these labels: class 2
// has samples and is never predicted, class 3 is predicted and has none, class 4 does neither.
TEST(ClassScores, AreThoseOfScikitLearn) {
  const std::vector<Label> labels{0, 0, 0, 1, 1, 2};
  const std::vector<std::uint16_t> predictions{0, 1, 1, 1, 3, 0};
  const std::vector<ClassScores> scores = class_scores(Confusion(5, labels, predictions));
  const double precision[] = {0.5, 1.0 / 3, 0, 0, 0}, recall[] = {1.0 / 3, 0.5, 0, 0, 0};
  const double f1[] = {0.4, 0.4, 0, 0, 0};
  for (std::size_t c = 0; c < 5; ++c) {
    EXPECT_DOUBLE_EQ(scores[c].precision(), precision[c]) << c;
    EXPECT_DOUBLE_EQ(scores[c].recall(), recall[c]) << c;
    EXPECT_DOUBLE_EQ(scores[c].f1(), f1[c]) << c;
  }
  EXPECT_FALSE(scores[4].appears());
  const MacroAverage macro = macro_average(scores);
  EXPECT_EQ(macro.classes, 4);
  EXPECT_DOUBLE_EQ(macro.precision, (0.5 + 1.0 / 3) / 4);
  EXPECT_DOUBLE_EQ(macro.recall, (1.0 / 3 + 0.5) / 4);
  EXPECT_DOUBLE_EQ(macro.f1, 0.2);
}

TEST(TopK, CountsTheLowerClassFirstAmongEqualProbabilities) {
  const std::vector<float> probabilities{0.1F, 0.4F, 0.4F, 0.1F,   // 1, 2, 0, 3
                                         0.7F, 0.1F, 0.1F, 0.1F};  // 0, 1, 2, 3
  const auto hits = [&](Label first, Label second, Index k) {
    return top_k_hits(probabilities, std::vector<Label>{first, second}, 4, k);
  };
  EXPECT_EQ(hits(1, 0, 1), 2);
  EXPECT_EQ(hits(2, 1, 1), 0);
  EXPECT_EQ(hits(2, 1, 2), 2);
  EXPECT_EQ(hits(0, 3, 2), 0);
  EXPECT_EQ(hits(0, 3, 3), 1);
  EXPECT_EQ(hits(3, 3, 4), 2);
  const std::vector<float> nan(4, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(top_k_hits(nan, std::vector<Label>{0}, 4, 3), 0);
}

TEST(Gallery, Base64) {
  // RFC 4648, section 10.
  for (const auto& [bytes, text] : {std::pair{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64(bytes), text);
  }
  EXPECT_EQ(base64(std::string("\x00\xff\xfe", 3)), "AP/+");
}

TEST(Gallery, AnyCaptionIsText) {
  const auto texts = texts_of(gallery_html({{"png", "<a> & \"b\"", {"</li>", "2 %"}}}));
  ASSERT_TRUE(texts);
  EXPECT_EQ(*texts, (std::vector<std::string>{"<a> & \"b\"", "</li>", "2 %"}));
}

}  // namespace
}  // namespace convoy::test
