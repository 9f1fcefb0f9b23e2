// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "report/plot_script.hpp"

namespace convoy::gnuplot {
namespace {

// Filled marks come before hollow ones. The first of the dashes is a solid line. No two of the
// first forty curves have the same mark, dash and colour.
constexpr std::array kMarks{7, 5, 9, 13, 11, 6, 4, 8, 12, 10, 15};
constexpr std::array kDashes{"1", "(9,4)", "(3,3)", "(9,3,2,3)", "(14,4)"};

struct Point {
  double x, y, low, high;
  bool has_bar() const { return std::isfinite(low) && std::isfinite(high) && low < high; }
};

std::vector<Point> finite_points(const Curve& curve) {
  std::vector<Point> points;
  const double none = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
    if (!std::isfinite(curve.x[i]) || !std::isfinite(curve.y[i])) continue;
    const bool bar = i < curve.low.size() && i < curve.high.size();
    points.push_back(
        {curve.x[i], curve.y[i], bar ? curve.low[i] : none, bar ? curve.high[i] : none});
  }
  return points;
}

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void hold(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double size() const { return high - low; }
  std::string range() const { return fmt::format("[{}:{}]", number(low), number(high)); }
};

Extent widened(Extent extent, double share, double at_least) {
  const double room = std::max(share * extent.size(), at_least);
  return {extent.low - room, extent.high + room};
}

// A curve as it is drawn: the part where it has points.
struct Drawn {
  const Curve* curve;
  std::vector<Point> points;
  std::size_t number;  // its number among the curves that are not ideal

  std::string ink() const { return curve->ideal ? colour(Ink::ideal) : colour(number % kColours); }
  std::string line() const {
    return curve->ideal ? fmt::format("linewidth 1 dashtype (4,4) linecolor {}", ink())
                        : fmt::format("linewidth 1.8 dashtype {} linecolor {}",
                                      kDashes[number % kDashes.size()], ink());
  }
  std::string mark() const {
    return fmt::format("pointtype {} pointsize 0.75", kMarks[number % kMarks.size()]);
  }
};

class Curves {
 public:
  explicit Curves(const CurvePlot& plot) : plot_(plot) {
    std::size_t number = 0;
    for (const Curve& curve : plot.curves) {
      Drawn drawn{&curve, finite_points(curve), number};
      if (!curve.ideal) ++number;  // so its style does not depend on which other curves have points
      if (!drawn.points.empty()) drawn_.push_back(std::move(drawn));
    }
    for (const Drawn& drawn : drawn_) {
      for (const Point& point : drawn.points) {
        x_.hold(point.x);
        y_.hold(point.y);
        xs_.push_back(point.x);
        if (!point.has_bar()) continue;
        y_.hold(point.low);
        y_.hold(point.high);
      }
    }
    std::sort(xs_.begin(), xs_.end());
    xs_.erase(std::unique(xs_.begin(), xs_.end()), xs_.end());
    counts_ = std::all_of(xs_.begin(), xs_.end(),
                          [](double x) { return x == std::floor(x) && std::abs(x) < 1e9; });
  }

  Script script() const {
    std::vector<std::string> labels;
    for (const Drawn& drawn : drawn_) labels.push_back(drawn.curve->label);
    const Key key(labels);
    const Canvas canvas(plot_.title, kBelow, key.height());
    Script result{canvas.head() + axes(), {}, canvas.height()};
    for (std::size_t i = 0; i < drawn_.size(); ++i) result.text += sample(canvas, key, i);
    draw(result);
    return result;
  }

 private:
  static constexpr double kBelow = 52;         // for numbers and label of the axis
  static constexpr double kSmallest = 1e-300;  // positive; a shorter axis would have no steps

  std::string axes() const {
    std::string text = fmt::format("set xlabel {} offset 0,0.7\nset ylabel {} offset 0.5,0\n",
                                   gnuplot_string(fitting(plot_.x_label, 0.8 * kWidth)),
                                   gnuplot_string(fitting(plot_.y_label, kPlotHeight + 30)));
    if (drawn_.empty()) {
      return text +
             "set xrange [0:1]\nset yrange [0:1]\nunset xtics\nunset ytics\n"
             "set label 'no data' at graph 0.5,0.5 center\n";
    }
    return text + fmt::format("set xrange {}\nset yrange {}\nset format y '%h'\n{}",
                              x_range().range(), y_range().range(), x_tics());
  }

  Extent x_range() const {
    if (counts_) return widened(x_, 0.04, x_.size() == 0 ? 1 : 0);
    if (x_.low < 0) return widened(x_, 0.04, 1e-9);
    return {0, x_.high > kSmallest ? 1.03 * x_.high : 1};
  }

  Extent y_range() const {
    if (plot_.y_from_zero && y_.low >= 0) return {0, y_.high > kSmallest ? 1.07 * y_.high : 1};
    const double height = std::max(std::abs(y_.low), std::abs(y_.high));
    return widened(y_, 0.07, y_.size() > kSmallest ? 0 : height > kSmallest ? 0.05 * height : 1);
  }

  // Sets tics at `values`, and a right margin that is wide enough for the last number.
  std::string x_tics() const {
    const std::vector<double> values = counts_ && xs_.size() <= 8 ? own_tics() : even_tics();
    std::vector<std::string> texts;
    for (const double x : values) texts.push_back(fmt::format("'{}' {}", label(x), number(x)));
    const double beside = pixels(x_range().high - values.back());
    const double margin = std::max(Canvas::kRight, label_width(label(values.back())) / 2 - beside);
    return fmt::format("set xtics ({})\nset rmargin at screen {:.6f}\n", fmt::join(texts, ", "),
                       1 - margin / kWidth);
  }

  std::string label(double x) const { return counts_ ? number(x) : fmt::format("{:g}", x); }

  // Returns the pixels that a difference of x takes at least: the axis has 0.82 of the width when
  // the numbers on its left are longest.
  double pixels(double difference) const {
    return 0.82 * kWidth * difference / std::max(x_range().size(), kSmallest);
  }

  bool touches(double left, double right) const {
    const double room = pixels(right - left);
    return room < (label_width(label(left)) + label_width(label(right))) / 2 + 6;
  }

  // The values themselves, except those whose numbers would touch others; both ends stay.
  std::vector<double> own_tics() const {
    std::vector<double> kept{xs_.front()};
    for (const double x : xs_) {
      if (!touches(kept.back(), x)) kept.push_back(x);
    }
    if (kept.back() != xs_.back()) {
      while (kept.size() > 1 && touches(kept.back(), xs_.back())) kept.pop_back();
      kept.push_back(xs_.back());
    }
    return kept;
  }

  // The multiples of `step` in the range, which has at most ten steps.
  static std::vector<double> multiples(double step, const Extent& range) {
    std::vector<double> values;
    const double first = std::ceil(range.low / step);
    for (int i = 0; i <= 10 && (first + i) * step <= range.high; ++i) {
      values.push_back((first + i) * step + 0.0);  // not -0
    }
    return values;
  }

  // Multiples of 1, 2 or 5 times a power of ten, at most ten steps, whose numbers do not touch.
  // Counts (of workers, of epochs) have no tics between whole numbers. Steps grow until one number
  // is left, so the loop ends.
  std::vector<double> even_tics() const {
    const auto touching = [this](double left, double right) { return touches(left, right); };
    const Extent range = x_range();
    double power = std::pow(10, std::floor(std::log10(std::max(range.size() / 10, kSmallest))));
    if (counts_) power = std::max(power, 1.0);
    std::vector<double> tics{range.low};
    for (;; power *= 10) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        if (range.size() / (digit * power) > 10) continue;
        std::vector<double> values = multiples(digit * power, range);
        // Where the step before left several that touch and this one leaves none, one of those.
        if (values.empty()) values = {tics.front()};
        tics = std::move(values);
        if (std::ranges::adjacent_find(tics, touching) == tics.end()) return tics;
      }
    }
  }

  std::string sample(const Canvas& canvas, const Key& key, std::size_t entry) const {
    const Drawn& drawn = drawn_[entry];
    const auto [x, y] = key.position(canvas, entry);
    std::string text = fmt::format("set arrow from {} to {} nohead {}\n", canvas.at(x, y),
                                   canvas.at(x + Key::kSample, y), drawn.line());
    if (!drawn.curve->ideal) {
      text += fmt::format("set label '' at {} point {} linecolor {}\n",
                          canvas.at(x + Key::kSample / 2, y), drawn.mark(), drawn.ink());
    }
    return text + key.text(canvas, entry);
  }

  // Draws ideal lines first, then the other curves on top, each with its error bars.
  void draw(Script& script) const {
    std::string plots;
    const auto add = [&](const std::string& what, const std::string& title) {
      plots += (plots.empty() ? "plot " : ", \\\n  ") + what + " notitle";
      script.titles.push_back(title);
    };
    for (const bool ideal : {true, false}) {
      for (std::size_t i = 0; i < drawn_.size(); ++i) {
        const Drawn& drawn = drawn_[i];
        if (drawn.curve->ideal != ideal) continue;
        script.text += data(drawn, i);
        const std::string& label = drawn.curve->label;
        if (ideal) {
          add(fmt::format("$c{} using 1:2 with lines {}", i, drawn.line()), label);
          continue;
        }
        if (has_bars(drawn)) {
          add(fmt::format("$e{} using 1:2:(0):($3-$2) with vectors heads size screen 0.007,90 "
                          "linewidth 1.2 linecolor {}",
                          i, drawn.ink()),
              label);
        }
        // A negative interval draws a disc in the page's colour behind each mark.
        const std::size_t every = drawn.points.size() <= 30 ? 1 : drawn.points.size() / 15;
        add(fmt::format("$c{} using 1:2 with linespoints {} {} pointinterval -{}", i, drawn.line(),
                        drawn.mark(), every),
            label);
      }
    }
    script.text += (plots.empty() ? "plot NaN notitle" : plots) + "\n";
  }

  static bool has_bars(const Drawn& drawn) {
    return std::any_of(drawn.points.begin(), drawn.points.end(),
                       [](const Point& point) { return point.has_bar(); });
  }

  static std::string data(const Drawn& drawn, std::size_t i) {
    std::string points = fmt::format("$c{} << EOD\n", i), bars = fmt::format("$e{} << EOD\n", i);
    for (const Point& point : drawn.points) {
      points += fmt::format("{} {}\n", number(point.x), number(point.y));
      if (!point.has_bar()) continue;
      bars += fmt::format("{} {} {}\n", number(point.x), number(point.low), number(point.high));
    }
    return points + "EOD\n" + (has_bars(drawn) ? bars + "EOD\n" : "");
  }

  const CurvePlot& plot_;
  std::vector<Drawn> drawn_;
  Extent x_, y_;
  std::vector<double> xs_;  // all values of x, ascending
  bool counts_ = false;     // all are whole numbers
};

}  // namespace

Script script_of(const CurvePlot& plot) {
  return Curves(plot).script();
}

}  // namespace convoy::gnuplot
