// SPDX-License-Identifier: Apache-2.0
#include "report/confusion.hpp"

#include <gtest/gtest.h>

#include <random>

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
  // Two heads, then each row: name, counts, share.
  const std::vector<std::string> expected{
      "What & what", "true class", "predicted class", "correct", names[0],
      names[1],      names[2],     names[0],          "2",       "1",
      "0",           "66.67 %",    names[1],          "0",       "1",
      "0",           "100.00 %",   names[2],          "0",       "0",
      "0",           "-"};
  EXPECT_EQ(*texts, expected);
  EXPECT_EQ(occurrences(html, "class=\"hit\""), 2);
  EXPECT_EQ(occurrences(html, "class=\"miss\""), 1);
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
