// SPDX-License-Identifier: Apache-2.0
// Plots that gnuplot draws fit into a page for any input.
#include "report/plots.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/check.hpp"
#include "report/gnuplot.hpp"
#include "report/plot_script.hpp"
#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
// Short enough for any place in a plot.
const std::string kNasties[] = {"a_b ^{x} @y & \"q\" 'p' \\n", "~z <g> `id` $c0 %g #1 é ±"};

std::vector<std::string> texts_of(const std::string& svg) {
  const auto texts = texts_of_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + svg);
  EXPECT_TRUE(texts) << svg;
  return texts.value_or(std::vector<std::string>{});
}

bool says(const std::string& svg, const std::string& text) {
  const auto texts = texts_of(svg);
  return std::count(texts.begin(), texts.end(), text) > 0;
}

// Values of an attribute, in order.
std::vector<std::string> values(const std::string& svg, const std::string& attribute) {
  std::vector<std::string> result;
  const std::string begin = " " + attribute + "=\"";
  for (auto at = svg.find(begin); at != svg.npos; at = svg.find(begin, at + 1)) {
    const auto from = at + begin.size();
    result.push_back(svg.substr(from, svg.find('"', from) - from));
  }
  return result;
}

// Marks of curves (without the disc behind each), and those of the key.
int marks(const std::string& svg) {
  return occurrences(svg, "<use class=\"c");
}

class Plots : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gnuplot::find().empty()) GTEST_SKIP() << "no gnuplot here: scripts/setup installs it";
  }

  // Draws the plot, and checks what holds for every plot.
  static std::vector<std::string> drawn(const std::vector<Plot>& plots) {
    const std::vector<std::string> svgs = draw(plots);
    EXPECT_EQ(svgs.size(), plots.size());
    EXPECT_EQ(svgs, draw(plots)) << "the same numbers, other bytes";
    for (std::size_t i = 0; i < svgs.size(); ++i) {
      const std::string name = std::visit([](const auto& plot) { return plot.name; }, plots[i]);
      expect_fit(svgs[i], name);
    }
    return svgs;
  }

  static std::string drawn_alone(const Plot& plot) { return drawn({plot}).front(); }

  static void expect_fit(const std::string& svg, const std::string& name) {
    EXPECT_TRUE(svg.starts_with("<svg ")) << svg;
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
    texts_of(svg);
    for (const char* part : {"rgb(", "style=", "xlink", "GNUPLOT", "gnuplot", "Produced", "white",
                             "black", "gray", "font-family", "<g></g>", "<text></text>"}) {
      EXPECT_EQ(svg.find(part), std::string::npos) << part << "\n" << svg;
    }
    for (const char* paint : {"fill", "stroke"}) {
      for (const std::string& value : values(svg, paint)) {
        EXPECT_TRUE(value == "none" || value == "currentColor" ||
                    value.starts_with("url(#" + name + "-"))
            << paint << " " << value;
      }
    }
    const std::set<std::string> classes{"plot", "page", "ideal", "grid", "halo", "c1", "c2",
                                        "c3",   "c4",   "c5",    "c6",   "c7",   "c8"};
    for (const std::string& value : values(svg, "class")) EXPECT_TRUE(classes.contains(value));
    const std::string root = svg.substr(0, svg.find('>'));
    EXPECT_TRUE(values(root, "width").empty() && values(root, "height").empty());
    EXPECT_EQ(values(root, "viewBox").size(), 1u);
    EXPECT_EQ(values(root, "role"), std::vector<std::string>{"img"});

    const std::vector<std::string> listed = values(svg, "id");
    const std::set<std::string> ids(listed.begin(), listed.end());
    EXPECT_EQ(ids.size(), listed.size()) << "an id twice";
    for (const std::string& id : ids) EXPECT_TRUE(id.starts_with(name + "-")) << id;
    for (const std::string& href : values(svg, "href")) {
      EXPECT_TRUE(href.starts_with('#') && ids.contains(href.substr(1))) << href;
    }
    expect_inside(svg);
  }

  // No text that is not turned begins or ends outside of the canvas, at the width that the program
  // assumes for labels.
  static void expect_inside(const std::string& svg) {
    double width = 0, height = 0;
    ASSERT_EQ(std::sscanf(values(svg, "viewBox").front().c_str(), "0 0 %lf %lf", &width, &height),
              2);
    const std::string begin = "<g transform=\"translate(";
    for (auto at = svg.find(begin); at != svg.npos; at = svg.find(begin, at + 1)) {
      const std::string group = svg.substr(at, svg.find("</g>", at) - at);
      double x = 0, y = 0;
      ASSERT_EQ(std::sscanf(group.c_str(), "<g transform=\"translate(%lf,%lf)", &x, &y), 2);
      EXPECT_TRUE(y >= 0 && y <= height) << group;
      if (group.find("rotate") != group.npos) continue;
      const auto open = group.find("<text>") + 6;
      const double long_as =
          gnuplot::label_width(group.substr(open, group.find("</text>", open) - open));
      const std::string anchor = values(group, "text-anchor").front();
      const double left = anchor == "start" ? 0 : anchor == "end" ? 1 : 0.5;
      EXPECT_TRUE(x - left * long_as >= -1 && x + (1 - left) * long_as <= width + 1) << group;
    }
  }
};

CurvePlot speedup() {
  return {"speedup",
          "Speedup",
          "workers",
          "speedup (times)",
          {{"measured", {1, 2, 8}, {1, 1.9, 3}, {0.9, 1.8, 2.8}, {1.1, 2, 3.2}, false},
           {"ideal", {1, 4}, {1, 4}, {}, {}, true}},
          true};
}

TEST_F(Plots, HasAllThatItWasGiven) {
  const std::string svg = drawn_alone(speedup());
  for (const char* text :
       {"Speedup", "workers", "speedup (times)", "measured", "ideal", "1", "2", "4"}) {
    EXPECT_TRUE(says(svg, text)) << text << svg;
  }
  EXPECT_FALSE(says(svg, "6")) << "there are no 6 workers";
  EXPECT_EQ(marks(svg), 3 + 1);
  EXPECT_EQ(occurrences(svg, "<path class=\"ideal\""), 2) << "the line, and in the key";
}

TEST_F(Plots, AnyTextIsText) {
  for (const std::string& nasty : kNasties) {
    CurvePlot plot = speedup();
    plot.title = plot.x_label = plot.y_label = plot.curves[0].label = nasty;
    // The title twice (of the document and in the picture), two axes, the key, and the texts that a
    // pointer shows for bars and line.
    auto texts = texts_of(drawn_alone(plot));
    EXPECT_EQ(std::count(texts.begin(), texts.end(), nasty), 7) << nasty;

    texts = texts_of(drawn_alone(BarPlot{"bars", nasty, nasty, {nasty, "b"}, {{nasty, {1, 2}}}}));
    EXPECT_EQ(std::count(texts.begin(), texts.end(), nasty), 6) << nasty;
  }
}

TEST_F(Plots, WhatIsNoUtf8OrNoTextDoesNoHarm) {
  CurvePlot plot = speedup();
  plot.title = "a\xff\nb\x01'";
  EXPECT_TRUE(says(drawn_alone(plot), "a\\xff b\\x01'"));
  plot.curves[0].label = std::string(500, 'x');
  drawn_alone(plot);
  plot.title.clear();
  drawn_alone(plot);
}

TEST_F(Plots, PointsThatAreNotFiniteAreLeftOut) {
  CurvePlot plot = speedup();
  plot.curves[0].x = {1, 2, 3, kNan, 4};
  plot.curves[0].y = {1, kInf, kNan, 2, 3};
  plot.curves[0].low = {kNan, 1, 1, 1, 2};
  plot.curves[0].high = {1, kInf, 1, 1, kInf};
  const std::string svg = drawn_alone(plot);
  EXPECT_EQ(marks(svg), 2 + 1);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST_F(Plots, OnePointFewPointsNone) {
  CurvePlot plot = speedup();
  plot.curves = {{"one", {1}, {0.5}, {}, {}, false}, {"empty", {}, {}, {}, {}, false}};
  const std::string one = drawn_alone(plot);
  EXPECT_EQ(marks(one), 1 + 1);
  EXPECT_FALSE(says(one, "empty")) << "nothing is drawn under that name";
  plot.y_from_zero = false;
  EXPECT_EQ(marks(drawn_alone(plot)), 1 + 1);
  for (const double value : {0.0, -3.0, 1e-12, 1e12, std::numeric_limits<double>::denorm_min()}) {
    plot.curves[0].y = plot.curves[0].x = {value};
    EXPECT_EQ(marks(drawn_alone(plot)), 1 + 1) << value;
  }
  plot.curves = {{"empty", {kNan}, {1}, {}, {}, false}};
  EXPECT_TRUE(says(drawn_alone(plot), "no data"));
  plot.curves = {};
  EXPECT_TRUE(says(drawn_alone(plot), "no data"));
}

// The test varies position and length of the last number of the axis.
TEST_F(Plots, AnAxisOfTimeHoldsItsNumbers) {
  std::vector<Plot> plots;
  for (double high = 1e-7; high < 1e7; high *= 1.37) {
    plots.emplace_back(CurvePlot{"time-" + std::to_string(plots.size()),
                                 "Loss over time",
                                 "seconds",
                                 "loss",
                                 {{"a", {0.4 * high, high}, {2, 1}, {}, {}, false}},
                                 true});
  }
  std::size_t number = 0;
  for (const std::string& svg : drawn(plots)) {
    const auto axis = svg.find("<text>0</text>", svg.find("text-anchor=\"middle\""));
    ASSERT_NE(axis, std::string::npos);
    // gnuplot writes the numbers of the axes, of which only those of x are centred, before the
    // labels of the plot; the title is one of these, and begins at the left.
    const auto title = svg.find("<text>Loss over time</text>", axis);
    ASSERT_NE(title, std::string::npos) << "the title comes before the numbers " << svg;
    const auto next = svg.find("text-anchor=\"middle\"", axis);
    EXPECT_LT(next, title) << "at least two numbers " << number;
    ++number;
  }
}

TEST_F(Plots, ManyCurvesDiffer) {
  CurvePlot plot{"many", "Many", "epoch", "loss", {}, true};
  for (int i = 0; i < 25; ++i) {
    plot.curves.push_back(
        {"run " + std::to_string(i), {1, 2, 3}, {1.0 + i, 2.0 + i, 3.0}, {}, {}, false});
  }
  const std::string svg = drawn_alone(plot);
  EXPECT_EQ(marks(svg), 25 * 4);
  // Of each curve: colour and dash of its line, and the mark.
  std::set<std::string> looks;
  for (int i = 1; i <= 25; ++i) {
    const auto begin = svg.find("id=\"many-plot-" + std::to_string(i) + "\"");
    const std::string group = svg.substr(begin, svg.find("<path", begin + 1) + 400 - begin);
    const auto path = group.find("<path"), mark = group.find("href=");
    const auto dash = values(group.substr(path, group.find('>', path) - path), "stroke-dasharray");
    looks.insert(values(group.substr(path), "class").front() + (dash.empty() ? "" : dash.front()) +
                 group.substr(mark, group.find('"', mark + 6) - mark));
  }
  EXPECT_EQ(looks.size(), 25u);
}

TEST_F(Plots, LongCurvesHaveFewMarks) {
  CurvePlot plot{"long", "Long", "epoch", "loss", {{"a", {}, {}, {}, {}, false}}, true};
  for (int i = 1; i <= 200; ++i) {
    plot.curves[0].x.push_back(i);
    plot.curves[0].y.push_back(1.0 / i);
  }
  const std::string svg = drawn_alone(plot);
  EXPECT_LT(marks(svg), 25);
  EXPECT_TRUE(says(svg, "100"));
}

TEST_F(Plots, BarsAreStackedAndSayTheirValues) {
  const BarPlot plot{
      "bars",
      "Time of a step",
      "milliseconds",
      {"1x1", "2x1", "none"},
      {{"compute", {10, 5.25, 0}}, {"waiting", {kNan, 3, kInf}}, {"tiny", {0.01, 0, 0}}}};
  const std::string svg = drawn_alone(plot);
  for (const char* text : {"Time of a step", "milliseconds", "1x1", "2x1", "none", "compute",
                           "waiting", "tiny", "10", "5.25", "3", "8.25"}) {
    EXPECT_TRUE(says(svg, text)) << text << svg;
  }
  EXPECT_FALSE(says(svg, "0.01")) << "there is no room for it";
  EXPECT_GE(occurrences(svg, "<pattern "), 2) << "told apart without colour";
  drawn_alone(BarPlot{"bars", "", "s", {}, {}});
  drawn_alone(BarPlot{"bars", "", "s", {"a"}, {{"p", {0}}}});
}

TEST_F(Plots, ManyAtOnceKeepApart) {
  std::vector<Plot> plots;
  for (int i = 0; i < 20; ++i) {
    CurvePlot plot = speedup();
    plot.name = "plot-" + std::to_string(i);
    plot.title = "number " + std::to_string(i);
    plots.emplace_back(plot);
  }
  const auto svgs = drawn(plots);
  std::set<std::string> ids;
  std::size_t count = 0;
  for (std::size_t i = 0; i < svgs.size(); ++i) {
    EXPECT_TRUE(says(svgs[i], "number " + std::to_string(i)));
    for (const std::string& id : values(svgs[i], "id")) {
      ids.insert(id);
      ++count;
    }
  }
  EXPECT_EQ(ids.size(), count) << "on one page";
  EXPECT_TRUE(draw({}).empty());
}

// The user's own settings and language do not change the picture.
TEST_F(Plots, TheEnvironmentDoesNotShow) {
  const std::string before = drawn_alone(speedup());
  for (const auto& [name, value] : {std::pair{"LC_ALL", "de_DE.UTF-8"},
                                    {"GNUTERM", "dumb"},
                                    {"GNUPLOT_LIB", "/nowhere"},
                                    {"HOME", "/nowhere"}}) {
    const char* old = getenv(name);
    const std::string kept = old != nullptr ? old : "";
    setenv(name, value, 1);
    EXPECT_EQ(draw(std::vector<Plot>{speedup()}).front(), before) << name;
    old != nullptr ? setenv(name, kept.c_str(), 1) : unsetenv(name);
  }
}

class WithoutGnuplot : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = getenv("PATH");
    setenv("PATH", "/nowhere::/proc", 1);
  }
  void TearDown() override { setenv("PATH", path_.c_str(), 1); }
  std::string path_;
};

TEST_F(WithoutGnuplot, TheRemedyIsNamed) {
  for (const bool drawing : {false, true}) {
    try {
      drawing ? static_cast<void>(draw(std::vector<Plot>{speedup()})) : require_gnuplot();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::unavailable);
      EXPECT_STREQ(
          error.what(),
          "gnuplot is not installed (it is needed to draw the plots of a report): apt-get install "
          "gnuplot-nox");
    }
  }
}

TEST_F(Plots, AFailureHasGnuplotsMessage) {
  try {
    gnuplot::run(gnuplot::find(), "plot 1 nonsense\n");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.fault(), Fault::io);
    EXPECT_NE(std::string(error.what()).find("nonsense"), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace convoy::test
