// SPDX-License-Identifier: Apache-2.0
// The parts of pictures: SVG elements, and rectangles that must not overlap.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace convoy::svg {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
  bool holds(const Box& other) const {
    return left <= other.left && other.right <= right && top <= other.top && other.bottom <= bottom;
  }
};

// Text from another source as it appears in a page: like convoy::printable(), but line ends and
// tabs become spaces, as in any flowing text.
std::string printable(std::string_view text);

// The same for the inside of an element or attribute: no character ends it or makes the XML
// invalid.
std::string escaped(std::string_view text);
std::string escaped_lines(std::string_view text);  // keeps line ends

// The approximate width of sans-serif text; it overestimates rather than underestimates.
double text_width(std::string_view text, double font_size);

// As much of the valid UTF-8 text as fits, followed by three dots if it was cut.
std::string shortened(std::string_view text, double font_size, double width);

// The box of a text that begins ("start"), is centred ("middle") or ends ("end") at `at`.
Box text_box(Point at, std::string_view text, double font_size, std::string_view anchor);

std::string line(Point from, Point to, std::string_view style);
// `style` holds attributes, such as fill="#333".
std::string text(Point at, std::string_view content, double font_size, std::string_view anchor,
                 std::string_view style = "");

// A mark whose kind is its shape: circle, square, triangle, diamond, cross, star.
std::string mark(Point at, std::size_t shape, double radius, std::string_view colour);

}  // namespace convoy::svg
