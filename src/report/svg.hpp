// SPDX-License-Identifier: Apache-2.0
// What pictures are made of: elements of SVG, and rectangles that must not overlap.
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

// Text of another origin as it stands in a page: convoy::printable(), but line ends and tabs become
// spaces, as in any text that flows.
std::string printable(std::string_view text);

// The same, inside of an element or attribute: no character ends it, or is refused by a reader of
// XML.
std::string escaped(std::string_view text);
std::string escaped_lines(std::string_view text);  // keeps the ends of its lines

// About how wide sans-serif text becomes; rather more than less.
double text_width(std::string_view text, double font_size);

// As much of good UTF-8 as has room, with three dots where that is not all.
std::string shortened(std::string_view text, double font_size, double width);

// The box of a text that begins ("start"), is centred ("middle") or ends ("end") at `at`.
Box text_box(Point at, std::string_view text, double font_size, std::string_view anchor);

std::string line(Point from, Point to, std::string_view style);
// `style`: attributes, such as fill="#333".
std::string text(Point at, std::string_view content, double font_size, std::string_view anchor,
                 std::string_view style = "");

// A mark that is told by its shape alone: circle, square, triangle, diamond, cross, star.
std::string mark(Point at, std::size_t shape, double radius, std::string_view colour);

}  // namespace convoy::svg
