// SPDX-License-Identifier: Apache-2.0
#include "convoy/report/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace convoy::svg {

namespace {

// Bytes of the character that `text` begins with; 0 where these bytes are none (RFC 3629).
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xC2   ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0, beyond = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : size;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0) {
      result += "\xEF\xBF\xBD";  // U+FFFD, the replacement character
    } else if (size == 1 && (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7F)) {
      result += ' ';
    } else {
      result += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
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
  std::size_t characters = 0;  // not the bytes that go on with one
  for (const char c : text) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return 0.64 * font_size * static_cast<double>(characters);
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
  // Corners about the centre: angles from the top, and how far out.
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
