// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "report/plot_script.hpp"

namespace convoy::gnuplot {
namespace {

// gnuplot's hatchings, one for each part, which distinguish parts without colour. 0 is none.
constexpr std::array kHatchings{0, 5, 4, 2, 1, 6, 7};
constexpr double kBarWidth = 0.62;  // share of a group's width

// The height that is drawn for a value.
double height_of(const BarPlot::Part& part, std::size_t group) {
  const double value = group < part.values.size() ? part.values[group] : 0;
  return std::isfinite(value) && value > 0 ? value : 0;
}

std::string short_number(double value) {
  return value >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

class Bars {
 public:
  explicit Bars(const BarPlot& plot) : plot_(plot), groups_(plot.groups.size()) {
    tops_.resize(groups_);
    for (const BarPlot::Part& part : plot.parts) {
      for (std::size_t g = 0; g < groups_; ++g) tops_[g] += height_of(part, g);
    }
    for (const double top : tops_) highest_ = std::max(highest_, top);
    double widest = 0;
    for (const std::string& group : plot.groups) {
      widest = std::max(widest, label_width(group));
    }
    turned_ = widest > slot() - 4;
    below_ = turned_ ? 24 + std::min(0.6 * widest, kLongest) : 30;
  }

  Script script() const {
    std::vector<std::string> labels;
    for (const BarPlot::Part& part : plot_.parts) labels.push_back(part.label);
    const Key key(labels);
    const Canvas canvas(plot_.title, below_, key.height());
    Script result{canvas.head() + axes(), {}, canvas.height()};
    for (std::size_t p = 0; p < plot_.parts.size(); ++p) {
      const auto [x, y] = key.position(canvas, p);
      for (const std::string& style : fills(p)) {
        result.text += fmt::format("set object rectangle from {} to {} {}\n", canvas.at(x, y + 6),
                                   canvas.at(x + Key::kSample, y - 6), style);
      }
      result.text += key.text(canvas, p);
    }
    result.text += values();
    draw(result);
    return result;
  }

 private:
  static constexpr double kLongest = 120;  // for the label of a group, turned

  double slot() const {
    return 0.84 * kWidth / static_cast<double>(std::max<std::size_t>(groups_, 1));
  }
  double y_top() const { return highest_ > 0 ? 1.12 * highest_ : 1; }

  std::string axes() const {
    std::vector<std::string> tics;
    for (std::size_t g = 0; g < groups_; ++g) {
      const double room = turned_ ? kLongest / 0.6 : slot();
      tics.push_back(fmt::format("{} {}", quoted_tic(fitting(plot_.groups[g], room)), g));
    }
    return fmt::format(
        "set ylabel {} offset 0.5,0\nset xrange [-0.5:{}]\nset yrange [0:{}]\nset format y '%h'\n"
        "set xtics scale 0 {} ({})\n",
        gnuplot_string(fitting(plot_.y_label, kPlotHeight + 30)),
        static_cast<double>(std::max<std::size_t>(groups_, 1)) - 0.5, number(y_top()),
        turned_ ? "rotate by 35 right" : "", fmt::join(tics, ", "));
  }

  // A tint with its outline, and the hatching on top.
  static std::vector<std::string> fills(std::size_t part) {
    const std::string ink = colour(part % kColours);
    const int hatching = kHatchings[part % kHatchings.size()];
    std::vector<std::string> styles{fmt::format(
        "fillcolor {} fillstyle transparent solid {} border", ink, hatching == 0 ? 0.45 : 0.15)};
    if (hatching != 0) {
      styles.push_back(fmt::format("fillcolor {} fillstyle pattern {} border", ink, hatching));
    }
    return styles;
  }

  // Each value, if its piece of the bar has room for it, and the sum on top.
  std::string values() const {
    const double pixels = kPlotHeight / y_top();
    std::vector<double> bottoms(groups_);
    std::string text;
    const auto add = [&](std::size_t group, double y, const std::string& value, const char* more) {
      text += fmt::format("set label {} at first {},{} center front textcolor {}{}\n",
                          gnuplot_string(value), group, number(y), colour(Ink::halo), more);
    };
    for (const BarPlot::Part& part : plot_.parts) {
      for (std::size_t g = 0; g < groups_; ++g) {
        const double height = height_of(part, g);
        const std::string value = short_number(height);
        if (height * pixels > 15 && label_width(value) < kBarWidth * slot()) {
          add(g, bottoms[g] + height / 2, value, "");
        }
        bottoms[g] += height;
      }
    }
    for (std::size_t g = 0; g < groups_; ++g) {
      const std::string value = short_number(tops_[g]);
      if (plot_.parts.size() > 1 && tops_[g] > 0 && label_width(value) < slot()) {
        add(g, tops_[g] + 10 / pixels, value, " font bold_value");
      }
    }
    return text;
  }

  void draw(Script& script) const {
    std::string plots;
    std::vector<double> bottoms(groups_);
    for (std::size_t p = 0; p < plot_.parts.size(); ++p) {
      std::string boxes;
      for (std::size_t g = 0; g < groups_; ++g) {
        const double height = height_of(plot_.parts[p], g), bottom = bottoms[g];
        bottoms[g] += height;
        if (height == 0) continue;
        const double x = static_cast<double>(g);
        boxes += fmt::format("{} {} {} {} {} {}\n", x, number(bottom), x - kBarWidth / 2,
                             x + kBarWidth / 2, number(bottom), number(bottoms[g]));
      }
      if (boxes.empty()) continue;
      script.text += fmt::format("$b{} << EOD\n{}EOD\n", p, boxes);
      for (std::string style : fills(p)) {
        style.replace(style.find("fillcolor"), 9, "linecolor");
        plots += fmt::format("{}$b{} using 1:2:3:4:5:6 with boxxyerror {} notitle",
                             plots.empty() ? "plot " : ", \\\n  ", p, style);
        script.titles.push_back(plot_.parts[p].label);
      }
    }
    script.text += (plots.empty() ? "plot NaN notitle" : plots) + "\n";
  }

  const BarPlot& plot_;
  std::size_t groups_;
  std::vector<double> tops_;  // [group]
  double highest_ = 0;
  bool turned_ = false;  // labels of groups, if they do not fit side by side
  double below_ = 0;
};

}  // namespace

Script script_of(const BarPlot& plot) {
  return Bars(plot).script();
}

}  // namespace convoy::gnuplot
