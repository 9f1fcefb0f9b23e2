// SPDX-License-Identifier: Apache-2.0
// The roofline plot (Williams, Waterman, Patterson 2009): work per second over work per byte moved,
// both logarithmic, below the machine's limits: its peak, and lines of memory bandwidth. It is an
// SVG that needs no other file, with a key beside the plot.
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
  // The limits, for example, of one worker and of all workers; drawn solid, then dashed.
  struct Roof {
    Peak peak;
    std::vector<Bandwidth> bandwidths;
  };
  struct Point {
    std::string label;
    std::size_t series = 0;
    double flops_per_byte = 0, flops_per_second = 0;
    double share = 0;  // of the peak that it is compared with
  };

  std::string title, subtitle;
  std::vector<Roof> roofs;
  std::vector<std::string> series;  // kinds of points; each has a colour and a shape
  std::vector<Point> points;        // points without work or bytes are left out
};

// An XML document, in ASCII or UTF-8 like the labels. The same numbers give the same bytes.
std::string roofline_svg(const Roofline& roofline);

}  // namespace convoy
