// SPDX-License-Identifier: Apache-2.0
// The roofline picture (Williams, Waterman, Patterson 2009): work done in a second over work done
// for each byte moved, both logarithmic, under what the machine can do at most: its peak, and lines
// of memory bandwidth. As SVG that needs no other file, with a key beside the plot.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace convoy {

struct Roofline {
  struct Peak {
    std::string label;
    double flops_per_second = 0;
  };
  struct Bandwidth {
    std::string label;
    double bytes_per_second = 0;
  };
  // What one worker can do, say, and what all of them can: drawn solid, then dashed.
  struct Roof {
    Peak peak;
    std::vector<Bandwidth> bandwidths;
  };
  struct Point {
    std::string label;
    std::size_t series = 0;
    double flops_per_byte = 0, flops_per_second = 0;
    double share = 0;  // of the peak that it is measured by
  };

  std::string title, subtitle;
  std::vector<Roof> roofs;
  std::vector<std::string> series;  // kinds of points: each has a colour and a shape
  std::vector<Point> points;        // those without work or bytes have no place and are left out
};

// An XML document, ASCII or UTF-8 as the labels are. The same picture for the same numbers.
std::string roofline_svg(const Roofline& roofline);

}  // namespace convoy
