// SPDX-License-Identifier: Apache-2.0
#include "report/roofline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "report/svg.hpp"

namespace convoy {
namespace {

using svg::Box;

constexpr double kLeft = 78, kTop = 76, kPlotWidth = 600, kPlotHeight = 470;
constexpr double kKeyLeft = kLeft + kPlotWidth + 36, kKeyWidth = 440, kKeyRow = 19;
constexpr double kFont = 12, kSmall = 11, kRadius = 5;
// The colours of Okabe and Ito, which people with most colour vision deficiencies can distinguish.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#007d5c",
                                    "#8a5aa6", "#9a7400", "#1a1a1a"};
constexpr const char* kInk = "#1f2328";
constexpr const char* kPale = "#5b636b";

// A logarithmic axis from 10^low to 10^high over pixels [from, to].
struct Axis {
  double low, high, from, to;

  double at(double value) const {
    return from + (std::log10(value) - low) / (high - low) * (to - from);
  }
};

// The ends of an axis: 1, 2 or 5 times a power of ten.
double step_below(double value) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  return value >= 5 * decade ? 5 * decade : value >= 2 * decade ? 2 * decade : decade;
}
double step_above(double value) {
  const double below = step_below(value);
  const double decade = std::pow(10, std::floor(std::log10(value)));
  return below == decade ? 2 * decade : below == 2 * decade ? 5 * decade : 10 * decade;
}

class Picture {
 public:
  explicit Picture(const Roofline& roofline) : roofline_(roofline) {
    for (const Roofline::Point& point : roofline.points) {
      if (point.flops_per_byte > 0 && point.flops_per_second > 0) points_.push_back(point);
    }
    choose_axes();
  }

  std::string draw() {
    const double key = 60 + kKeyRow * static_cast<double>(roofline_.series.size() + points_.size());
    const double width = kKeyLeft + kKeyWidth, height = kTop + std::max(kPlotHeight + 64, key);
    out_ = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"'DejaVu Sans', Verdana, sans-serif\" "
        "fill=\"{2}\" role=\"img\">\n<title>{3}</title>\n"
        // It has its own background, because pages may be dark.
        "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        width, height, kInk, svg::escaped(roofline_.title));
    out_ += svg::text({kLeft, 30}, roofline_.title, 17, "start", "font-weight=\"bold\"");
    out_ += svg::text({kLeft, 52}, roofline_.subtitle, kFont, "start", fill(kPale));
    grid();
    roofs();
    for (const Roofline::Point& point : points_) {
      const svg::Point at = position_of(point);
      taken_.push_back(
          {at.x - kRadius - 1, at.y - kRadius - 1, at.x + kRadius + 1, at.y + kRadius + 1});
    }
    roof_labels();
    marks();
    this->key();
    return out_ + "</svg>\n";
  }

 private:
  static std::string fill(const char* colour) { return fmt::format("fill=\"{}\"", colour); }
  svg::Point position_of(const Roofline::Point& point) const {
    return {x_.at(point.flops_per_byte), y_.at(point.flops_per_second)};
  }
  static const char* colour(std::size_t series) { return kColours[series % std::size(kColours)]; }

  // The axes include all points and, for each roof, the beginning of its peak.
  void choose_axes() {
    double left = 0.12, right = 20, bottom = 1e300, top = 0;
    for (const Roofline::Point& point : points_) {
      left = std::min(left, point.flops_per_byte);
      right = std::max(right, point.flops_per_byte);
      bottom = std::min(bottom, point.flops_per_second);
      top = std::max(top, point.flops_per_second);
    }
    for (const Roofline::Roof& roof : roofline_.roofs) {
      top = std::max(top, roof.peak.flops_per_second);
      for (const auto& bandwidth : roof.bandwidths) {
        const double ridge = roof.peak.flops_per_second / bandwidth.bytes_per_second;
        right = std::max(right, 1.5 * ridge);
        left = std::min(left, std::max(ridge / 6, 1e-3));  // room for the label of a steep roof
      }
    }
    if (top <= 0) top = 1e9;
    bottom = std::min(bottom, top / 100);
    // Room for marks and labels at the edges.
    x_ = {std::log10(step_below(left / 1.2)), std::log10(step_above(right * 1.25)), kLeft,
          kLeft + kPlotWidth};
    y_ = {std::log10(step_below(bottom / 1.2)), std::log10(step_above(top * 1.3)),
          kTop + kPlotHeight, kTop};
  }

  // Draws lines at 1, 2, 5 times the powers of ten, and their numbers where they fit.
  void grid() {
    const double bottom = kTop + kPlotHeight;
    const auto each = [](const Axis& axis, const auto& draw) {
      const double decade = std::abs(axis.to - axis.from) / (axis.high - axis.low);
      for (int power = static_cast<int>(std::floor(axis.low)); power <= axis.high; ++power) {
        for (const int digit : {1, 2, 5}) {
          const double value = digit * std::pow(10, power);
          if (std::log10(value) < axis.low - 1e-9 || std::log10(value) > axis.high + 1e-9) continue;
          draw(value, digit == 1, digit == 1 || decade > 110);
        }
      }
    };
    const auto style = [](bool strong) {
      return fmt::format("stroke=\"{}\" stroke-width=\"1\"", strong ? "#d0d5da" : "#e9ecef");
    };
    each(x_, [&](double value, bool strong, bool numbered) {
      const double x = x_.at(value);
      out_ += svg::line({x, kTop}, {x, bottom}, style(strong));
      if (numbered) out_ += svg::text({x, bottom + 18}, number(value), kSmall, "middle");
    });
    each(y_, [&](double value, bool strong, bool numbered) {
      const double y = y_.at(value);
      out_ += svg::line({kLeft, y}, {kLeft + kPlotWidth, y}, style(strong));
      if (numbered) out_ += svg::text({kLeft - 8, y + 4}, number(value / 1e9), kSmall, "end");
    });
    out_ += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{}\"/>\n", kLeft,
        kTop, kPlotWidth, kPlotHeight, kPale);
    out_ += svg::text({kLeft + kPlotWidth / 2, bottom + 42},
                      "arithmetic intensity, FLOP / byte (logarithmic)", kFont, "middle");
    const double middle = kTop + kPlotHeight / 2;
    out_ += svg::text({20, middle}, "GFLOP / s (logarithmic)", kFont, "middle",
                      fmt::format("transform=\"rotate(-90 20 {:.1f})\"", middle));
  }

  static std::string number(double value) { return fmt::format("{:.6g}", value); }

  // The line of a bandwidth, from the left or lower edge up to its peak; empty if it is outside the
  // plot.
  std::pair<svg::Point, svg::Point> slope(const Roofline::Roof& roof, double bandwidth) const {
    const double ridge = std::min(roof.peak.flops_per_second / bandwidth, std::pow(10, x_.high));
    const double begin = std::max(std::pow(10, x_.low), std::pow(10, y_.low) / bandwidth);
    if (begin >= ridge) return {};
    return {{x_.at(begin), y_.at(begin * bandwidth)}, {x_.at(ridge), y_.at(ridge * bandwidth)}};
  }

  void roofs() {
    for (std::size_t i = 0; i < roofline_.roofs.size(); ++i) {
      const Roofline::Roof& roof = roofline_.roofs[i];
      const std::string style = fmt::format("stroke=\"#30363c\" stroke-width=\"1.6\"{}",
                                            i == 0 ? "" : " stroke-dasharray=\"6 4\"");
      double begin = kLeft + kPlotWidth;  // of the peak: where the fastest memory's line ends
      for (const auto& bandwidth : roof.bandwidths) {
        const auto [from, to] = slope(roof, bandwidth.bytes_per_second);
        if (to.x <= 0) continue;
        out_ += svg::line(from, to, style);
        begin = std::min(begin, to.x);
      }
      if (roof.bandwidths.empty()) begin = kLeft;
      const double y = y_.at(roof.peak.flops_per_second);
      out_ += svg::line({begin, y}, {kLeft + kPlotWidth, y}, style);
      taken_.push_back({begin, y - 1, kLeft + kPlotWidth, y + 1});
    }
  }

  bool is_free(const Box& box) const {
    const Box plot{kLeft + 2, kTop + 2, kLeft + kPlotWidth - 2, kTop + kPlotHeight - 2};
    return plot.holds(box) && std::none_of(taken_.begin(), taken_.end(),
                                           [&](const Box& b) { return b.overlaps(box); });
  }

  void roof_labels() {
    for (const Roofline::Roof& roof : roofline_.roofs) label_peak(roof.peak);
    for (std::size_t i = 0; i < roofline_.roofs.size(); ++i) {
      for (const auto& bandwidth : roofline_.roofs[i].bandwidths) {
        label_slope(roofline_.roofs[i], bandwidth, i % 2 == 0);
      }
    }
  }

  // Puts the label at the right, above the line or below it; if two lines are close, further left.
  void label_peak(const Roofline::Peak& peak) {
    const double y = y_.at(peak.flops_per_second);
    const double step = svg::text_width(peak.label, kSmall) / 2;
    svg::Point at{kLeft + kPlotWidth - 8, y - 6};
    for (int i = 0; i < 6; ++i) {
      const int column = i / 2;  // from the right
      const svg::Point candidate{at.x - column * step, i % 2 == 0 ? y - 6 : y + 14};
      if (!is_free(svg::text_box(candidate, peak.label, kSmall, "end"))) continue;
      at = candidate;
      break;
    }
    out_ += svg::text(at, peak.label, kSmall, "end", halo());
    taken_.push_back(svg::text_box(at, peak.label, kSmall, "end"));
  }

  // Puts the label along the line where it is free: below the line or above it, so that the labels
  // of two close lines stay apart.
  void label_slope(const Roofline::Roof& roof, const Roofline::Bandwidth& bandwidth, bool below) {
    const auto [from, to] = slope(roof, bandwidth.bytes_per_second);
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    const double width = svg::text_width(bandwidth.label, kSmall);
    if (length < width + 8) return label_at_end(bandwidth, from);
    const svg::Point along{(to.x - from.x) / length, (to.y - from.y) / length};
    constexpr double kBelow = 13, kAbove = -5, kFirst = 6;
    double away = below ? kBelow : kAbove, begin = kFirst;
    std::vector<Box> boxes = boxes_along(from, along, begin, width, away);
    const auto are_free = [&] {
      return std::all_of(boxes.begin(), boxes.end(), [&](const Box& box) { return is_free(box); });
    };
    for (int tries = 0; !are_free() && tries < 2;) {
      begin += 6;
      if (begin + width >
          length) {  // no room: tries the other side, and at last the first position
        ++tries;
        away = kBelow + kAbove - away;
        begin = kFirst;
      }
      boxes = boxes_along(from, along, begin, width, away);
    }
    const svg::Point at{from.x + along.x * begin - along.y * away,
                        from.y + along.y * begin + along.x * away};
    out_ +=
        svg::text(at, bandwidth.label, kSmall, "start",
                  fmt::format("{} transform=\"rotate({:.2f} {:.1f} {:.1f})\"", halo(),
                              std::atan2(along.y, along.x) * 180 / std::numbers::pi, at.x, at.y));
    taken_.insert(taken_.end(), boxes.begin(), boxes.end());
  }

  // Puts the label of a short line beside its beginning.
  void label_at_end(const Roofline::Bandwidth& bandwidth, svg::Point from) {
    if (from.x <= 0) return;
    for (double up = 0; up < 200; up += 6) {
      const svg::Point at{from.x + 8, from.y - 4 - up};
      const Box box = svg::text_box(at, bandwidth.label, kSmall, "start");
      if (!is_free(box)) continue;
      out_ += svg::text(at, bandwidth.label, kSmall, "start", halo());
      taken_.push_back(box);
      return;
    }
  }

  // Small boxes that together cover a turned text.
  static std::vector<Box> boxes_along(svg::Point from, svg::Point along, double begin, double width,
                                      double away) {
    std::vector<Box> boxes;
    const double beside = away - 4;  // from the text's foot to its middle
    for (double s = begin; s < begin + width; s += 6) {
      const svg::Point middle{from.x + along.x * s - along.y * beside,
                              from.y + along.y * s + along.x * beside};
      boxes.push_back({middle.x - 6, middle.y - 6, middle.x + 6, middle.y + 6});
    }
    return boxes;
  }

  static std::string halo() {
    return fmt::format("fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"",
                       kInk);
  }

  // Draws each point's mark, and its number beside it, with a thin line between them if it had to
  // move.
  void marks() {
    std::string numbers;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const Roofline::Point& point = points_[i];
      const svg::Point at = position_of(point);
      const std::string number = fmt::format("{}", i + 1);
      const svg::Point spot = free_spot(at, number);
      if (std::hypot(spot.x - at.x, spot.y - 4 - at.y) > 3.2 * kRadius) {
        out_ += svg::line(at, {spot.x, spot.y - 4},
                          fmt::format("stroke=\"{}\" stroke-width=\"0.8\"", kPale));
      }
      numbers += svg::text(spot, number, kSmall, "middle", halo());
    }
    for (const Roofline::Point& point : points_) {
      out_ +=
          fmt::format("<g class=\"point\"><title>{}</title>{}</g>\n", svg::escaped(words(point)),
                      svg::mark(position_of(point), point.series, kRadius, colour(point.series)));
    }
    out_ += numbers;
  }

  svg::Point free_spot(svg::Point at, const std::string& number) {
    for (double distance = 13; distance < 120; distance += 6) {
      for (int turn = 0; turn < 16; ++turn) {
        const double angle = std::numbers::pi * (turn + 2) / 8;
        const svg::Point spot{at.x + distance * std::sin(angle),
                              at.y - distance * std::cos(angle) + 4};
        const Box box = svg::text_box(spot, number, kSmall, "middle");
        if (!is_free(box)) continue;
        taken_.push_back(box);
        return spot;
      }
    }
    return {at.x, at.y - 10};
  }

  static std::string words(const Roofline::Point& point) {
    return fmt::format("{}: {:.1f} GFLOP/s, {:.1f} % of the peak, {:.3g} FLOP/byte", point.label,
                       point.flops_per_second / 1e9, 100 * point.share, point.flops_per_byte);
  }

  // Lists shapes and colours, then the points by number.
  void key() {
    double y = kTop + 10;
    for (std::size_t i = 0; i < roofline_.series.size(); ++i, y += kKeyRow) {
      out_ += svg::mark({kKeyLeft + 30, y - 4}, i, kRadius, colour(i));
      out_ += svg::text({kKeyLeft + 44, y}, roofline_.series[i], kFont, "start");
    }
    y += 16;
    const double rate = kKeyLeft + kKeyWidth - 88, share = kKeyLeft + kKeyWidth - 16;
    out_ += svg::text({rate, y}, "GFLOP/s", kSmall, "end", fill(kPale));
    out_ += svg::text({share, y}, "of peak", kSmall, "end", fill(kPale));
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const Roofline::Point& point = points_[i];
      y += kKeyRow;
      out_ += svg::text({kKeyLeft + 18, y}, fmt::format("{}", i + 1), kSmall, "end");
      out_ += svg::mark({kKeyLeft + 30, y - 4}, point.series, kRadius, colour(point.series));
      out_ += svg::text({kKeyLeft + 44, y}, shortened(point.label), kSmall, "start");
      out_ +=
          svg::text({rate, y}, fmt::format("{:.1f}", point.flops_per_second / 1e9), kSmall, "end");
      out_ += svg::text({share, y}, fmt::format("{:.1f} %", 100 * point.share), kSmall, "end");
    }
  }

  // The label, shortened to fit between a mark and the numbers.
  static std::string shortened(const std::string& label) {
    return svg::shortened(label, kSmall, kKeyWidth - 88 - 44 - 48);
  }

  const Roofline& roofline_;
  std::vector<Roofline::Point> points_;
  Axis x_{}, y_{};
  std::vector<Box> taken_;
  std::string out_;
};

}  // namespace

std::string roofline_svg(const Roofline& roofline) {
  return Picture(roofline).draw();
}

}  // namespace convoy
