// SPDX-License-Identifier: Apache-2.0
#include "report/plot_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "report/page_style.hpp"
#include "report/svg.hpp"

namespace convoy::gnuplot {
namespace {

constexpr double kNarrow = 0.9;
constexpr std::size_t kInks = static_cast<std::size_t>(Ink::halo) + 1;

// `unit` is the size of a pixel in the terminal's font units.
std::string begin(std::string_view terminal, double unit,
                  const std::function<unsigned(std::size_t)>& value) {
  std::string text = fmt::format(
      "reset\nset encoding utf8\nset terminal {} noenhanced font 'sans-serif,{:g}' rounded\n"
      "bold_title = 'sans-serif:Bold,{:g}'\nbold_value = 'sans-serif:Bold,{:g}'\n",
      terminal, unit * kFont, unit * 13, unit * kFont);
  for (std::size_t ink = 0; ink < kInks; ++ink) {
    text += fmt::format("ink_{} = 0x{:06x}\n", ink, value(ink));
  }
  return text;
}

}  // namespace

std::string begin_svg(const Script& script) {
  return begin(fmt::format("svg size {:.0f},{:.0f} dynamic", kWidth, script.height), 1,
               [](std::size_t ink) { return 0x010000U + static_cast<unsigned>(ink); });
}

// The terminal's units are points, 72 to an inch. With this number of pixels per inch a plot is as
// wide as the text of an article.
std::string begin_pdf(const Script& script) {
  constexpr double kPixels = 110;
  return begin(
      fmt::format("pdfcairo size {:.4f}in,{:.4f}in", kWidth / kPixels, script.height / kPixels),
      72 / kPixels, [](std::size_t ink) { return light_colour(class_of(ink)); });
}

std::string colour(std::size_t number) {
  return fmt::format("rgb ink_{}", number);
}
std::string colour(Ink ink) {
  return colour(static_cast<std::size_t>(ink));
}

std::string class_of(std::size_t number) {
  if (number < kColours) return fmt::format("c{}", number + 1);
  switch (static_cast<Ink>(number)) {
    case Ink::ideal:
      return "ideal";
    case Ink::grid:
      return "grid";
    case Ink::halo:
      return "halo";
  }
  return {};
}

std::string gnuplot_string(std::string_view text) {
  std::string result = "'";
  for (const char c : svg::printable(text)) {
    if (c == '\'') result += '\'';
    result += c;
  }
  return result + "'";
}

std::string quoted_tic(std::string_view text) {
  std::string doubled;
  for (const char c : text) {
    if (c == '%') doubled += '%';
    doubled += c;
  }
  return gnuplot_string(doubled);
}

std::string number(double value) {
  return fmt::format("{}", value);
}

std::string fitting(std::string_view text, double room) {
  // Text of these sizes is narrower than the estimate of svg::text_width().
  return svg::shortened(svg::printable(text), kFont, room / kNarrow);
}

double label_width(std::string_view text) {
  return kNarrow * svg::text_width(text, kFont);
}

Canvas::Canvas(std::string_view title, double below, double key_height)
    : title_(fitting(title, kWidth - 60)),
      plot_top_(title.empty() ? 14 : 38),
      plot_bottom_(plot_top_ + kPlotHeight),
      below_(below),
      height_(std::ceil(plot_bottom_ + below + key_height + 6)) {}

std::string Canvas::at(double x, double y) const {
  return fmt::format("screen {:.6f},{:.6f}", x / kWidth, 1 - y / height_);
}

std::string Canvas::text(double x, double y, std::string_view text) const {
  return fmt::format("set label {} at {} left\n", gnuplot_string(text), at(x, y));
}

std::string Canvas::head() const {
  std::string text = fmt::format(
      "unset key\nset border 3\nset tics nomirror out scale 0.5\n"
      "set grid noxtics ytics linetype 1 linecolor {} linewidth 1 dashtype 1\n"
      "set tmargin at screen {:.6f}\nset bmargin at screen {:.6f}\nset rmargin at screen {:.6f}\n",
      colour(Ink::grid), 1 - plot_top_ / height_, 1 - plot_bottom_ / height_, 1 - kRight / kWidth);
  if (!title_.empty()) {
    text += fmt::format("set label {} at {} left font bold_title\n", gnuplot_string(title_),
                        at(kLeft, 14));
  }
  return text;
}

// All labels in one row if they fit, else in columns.
Key::Key(std::vector<std::string> labels) : labels_(std::move(labels)) {
  constexpr double kAll = kWidth - 2 * Canvas::kLeft, kAround = kSample + kGap + kBetween;
  double widest = 0, sum = 0;
  for (std::string& label : labels_) {
    label = fitting(label, kAll - kAround);
    const double width = label_width(label) + kAround;
    lefts_.push_back(sum);
    sum += width;
    widest = std::max(widest, width);
  }
  if (sum <= kAll + kBetween) {
    lefts_.resize(std::max<std::size_t>(lefts_.size(), 1));
    return;
  }
  const auto room = static_cast<std::size_t>((kAll + kBetween) / widest);
  const std::size_t columns = std::clamp<std::size_t>(room, 1, labels_.size());
  // Balances the rows.
  const std::size_t rows = (labels_.size() + columns - 1) / columns;
  lefts_.resize((labels_.size() + rows - 1) / rows);
  for (std::size_t c = 0; c < lefts_.size(); ++c) lefts_[c] = static_cast<double>(c) * widest;
}

double Key::height() const {
  const std::size_t rows = (labels_.size() + lefts_.size() - 1) / lefts_.size();
  return kRow * static_cast<double>(rows);
}

Key::Position Key::position(const Canvas& canvas, std::size_t entry) const {
  const std::size_t row = entry / lefts_.size();
  return {Canvas::kLeft + lefts_[entry % lefts_.size()],
          canvas.key_top() + kRow * (static_cast<double>(row) + 0.5)};
}

std::string Key::text(const Canvas& canvas, std::size_t entry) const {
  const Position sample = position(canvas, entry);
  return canvas.text(sample.x + kSample + kGap, sample.y, labels_[entry]);
}

}  // namespace convoy::gnuplot
