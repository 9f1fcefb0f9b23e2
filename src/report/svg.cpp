// SPDX-License-Identifier: Apache-2.0
#include "report/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "base/safe_text.hpp"

namespace convoy::svg {

std::string printable(std::string_view text) {
  std::string flowing(text);
  for (char& c : flowing) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return convoy::printable(flowing);
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : svg::printable(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

double text_width(std::string_view text, double font_size) {
  return 0.64 * font_size * static_cast<double>(characters(text));
}

Box text_box(Point at, std::string_view text, double font_size, std::string_view anchor) {
  const double width = text_width(text, font_size);
  const double left = at.x - (anchor == "middle" ? width / 2 : anchor == "end" ? width : 0);
  return {left, at.y - 0.8 * font_size, left + width, at.y + 0.25 * font_size};
}

std::string escaped_lines(std::string_view text) {
  std::string result;
  while (true) {
    const auto end = text.find('\n');
    result += escaped(text.substr(0, end));
    if (end == text.npos) return result;
    result += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string shortened(std::string_view text, double font_size, double width) {
  std::string result(text);
  if (text_width(result, font_size) <= width) return result;
  while (!result.empty() && text_width(result + "...", font_size) > width) {
    while ((static_cast<unsigned char>(result.back()) & 0xC0) == 0x80) result.pop_back();
    result.pop_back();  // the first byte of a character
  }
  return result + "...";
}

std::string line(Point from, Point to, std::string_view style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", from.x,
                     from.y, to.x, to.y, style);
}

std::string text(Point at, std::string_view content, double font_size, std::string_view anchor,
                 std::string_view style) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" text-anchor=\"{}\" {}>{}</text>\n", at.x,
      at.y, font_size, anchor, style, escaped(content));
}

std::string mark(Point at, std::size_t shape, double radius, std::string_view colour) {
  const std::string style =
      fmt::format("fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"0.8\"", colour);
  if (shape % 6 == 0) {
    return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" {}/>\n", at.x, at.y,
                       radius, style);
  }
  // Corners around the centre: angle from the top, and distance from the centre.
  struct Corner {
    double turn, out;
  };
  std::vector<Corner> corners;
  switch (shape % 6) {
    case 1:
      corners = {{0.125, 1.25}, {0.375, 1.25}, {0.625, 1.25}, {0.875, 1.25}};
      break;
    case 2:
      corners = {{0, 1.3}, {1.0 / 3, 1.3}, {2.0 / 3, 1.3}};
      break;
    case 3:
      corners = {{0, 1.35}, {0.25, 1.35}, {0.5, 1.35}, {0.75, 1.35}};
      break;
    case 4:  // a cross
      for (int i = 0; i < 4; ++i) {
        const double turn = i * 0.25;
        corners.insert(corners.end(),
                       {{turn - 0.052, 1.25}, {turn + 0.052, 1.25}, {turn + 0.125, 0.55}});
      }
      break;
    default:  // a star
      for (int i = 0; i < 10; ++i) corners.push_back({i * 0.1, i % 2 == 0 ? 1.6 : 0.68});
  }
  std::string points;
  for (const Corner& corner : corners) {
    const double angle = 2 * std::numbers::pi * corner.turn;
    points += fmt::format("{:.1f},{:.1f} ", at.x + radius * corner.out * std::sin(angle),
                          at.y - radius * corner.out * std::cos(angle));
  }
  points.pop_back();
  return fmt::format("<polygon points=\"{}\" {}/>\n", points, style);
}

}  // namespace convoy::svg
