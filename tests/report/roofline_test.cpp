// SPDX-License-Identifier: Apache-2.0
#include "report/roofline.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include <cmath>
#include <cstdio>

#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

Roofline some_roofline() {
  Roofline roofline;
  roofline.title = "a net";
  roofline.subtitle = "a machine";
  roofline.roofs.resize(2);
  roofline.roofs[0].peak = {"peak of one", 1e11};
  roofline.roofs[0].bandwidths = {{"memory of one", 1e10}, {"L1 of one", 2e11}};
  roofline.roofs[1].peak = {"peak of two", 2e11};
  roofline.roofs[1].bandwidths = {{"memory of two", 1.5e10}};
  roofline.series = {"forward", "backward"};
  roofline.points = {{"conv1 forward", 0, 4.5, 6e10, 0.6}, {"conv1 backward", 1, 6, 5e10, 0.5}};
  return roofline;
}

TEST(Roofline, IsXmlWithAllThatWasAskedFor) {
  const std::string svg = roofline_svg(some_roofline());
  const auto texts = texts_of_xml(svg);
  ASSERT_TRUE(texts) << svg;
  for (const char* text : {"a net", "a machine", "peak of one", "memory of one", "L1 of one",
                           "peak of two", "memory of two", "forward", "backward", "conv1 forward",
                           "conv1 backward", "60.0", "50.0 %"}) {
    EXPECT_EQ(std::count(texts->begin(), texts->end(), text) > 0, true) << text;
  }
  EXPECT_EQ(occurrences(svg, "class=\"point\""), 2);
  EXPECT_EQ(svg, roofline_svg(some_roofline()));
}

TEST(Roofline, AnyLabelIsText) {
  Roofline roofline = some_roofline();
  roofline.title = "<a & \"b\"> \x01 \xc3\xa9";
  roofline.points[0].label = "</text><script>";
  const auto texts = texts_of_xml(roofline_svg(roofline));
  ASSERT_TRUE(texts);
  EXPECT_TRUE(std::count(texts->begin(), texts->end(), "<a & \"b\"> \\x01 \xc3\xa9") > 0);
  EXPECT_TRUE(std::count(texts->begin(), texts->end(), "</text><script>") > 0);
}

TEST(Roofline, WhatHasNoPlaceIsLeftOut) {
  Roofline roofline = some_roofline();
  roofline.points.push_back({"no work", 0, 0, 0, 0});
  const std::string svg = roofline_svg(roofline);
  EXPECT_EQ(occurrences(svg, "class=\"point\""), 2);
  EXPECT_EQ(svg.find("no work"), std::string::npos);
}

TEST(Roofline, ExtremesAndNothingAtAll) {
  EXPECT_TRUE(texts_of_xml(roofline_svg({})));
  Roofline roofline = some_roofline();
  roofline.points = {{"slow", 0, 1e-3, 1e3, 1e-8}, {"fast", 7, 1e6, 1e15, 1}};
  const std::string svg = roofline_svg(roofline);
  EXPECT_TRUE(texts_of_xml(svg));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

// The labels of points that lie on one another are spread.
TEST(Roofline, NumbersDoNotOverlap) {
  Roofline roofline = some_roofline();
  roofline.points.assign(30, {"the same", 0, 4.5, 6e10, 0.6});
  const std::string svg = roofline_svg(roofline);
  std::vector<std::pair<double, double>> positions;
  for (std::size_t at = 0; (at = svg.find("<text x=\"", at)) != std::string::npos; ++at) {
    const std::size_t end = svg.find('\n', at);
    const std::string line = svg.substr(at, end - at);
    double x = 0, y = 0;
    int number = 0;
    const auto close = line.find('>');
    if (std::sscanf(line.c_str(), "<text x=\"%lf\" y=\"%lf\"", &x, &y) != 2) continue;
    if (line.find("paint-order") == std::string::npos) continue;  // of the key, or an axis
    if (std::sscanf(line.c_str() + close, ">%d</text>", &number) != 1) continue;
    for (const auto& [other_x, other_y] : positions) {
      EXPECT_TRUE(std::abs(x - other_x) > 7 || std::abs(y - other_y) > 9) << number;
    }
    positions.emplace_back(x, y);
  }
  EXPECT_EQ(positions.size(), 30u);
}

}  // namespace
}  // namespace convoy::test
