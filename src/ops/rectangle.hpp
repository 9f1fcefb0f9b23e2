// SPDX-License-Identifier: Apache-2.0
// A range of units (pixels, taps) in a grid, as at most three rectangles: the rest of a first row,
// whole rows, the beginning of a last row.
#pragma once

#include "base/tensor.hpp"

namespace convoy {

struct Rectangle {
  Range rows;
  Range columns;
};

struct Rectangles {
  Rectangle parts[3];
  int count = 0;
};

constexpr Rectangles rectangles(Range units, Index width) {
  Rectangles result;
  Index at = units.begin;
  while (at < units.end) {
    const Index row = at / width, column = at % width;
    Rectangle part;
    if (column == 0 && units.end - at >= width) {
      part = {{row, units.end / width}, {0, width}};
    } else {
      part = {{row, row + 1}, {column, std::min(width, column + units.end - at)}};
    }
    at = (part.rows.end - 1) * width + part.columns.end;
    result.parts[result.count++] = part;
  }
  return result;
}

}  // namespace convoy
