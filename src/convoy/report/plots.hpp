// SPDX-License-Identifier: Apache-2.0
// Plots of a report, drawn by gnuplot (its SVG terminal) and made fit for a page: every colour is
// one of a few names that the page's style gives a light and a dark value, ids are the plot's own,
// and the same numbers give the same bytes. Curves are told apart by shape and dash as well as by
// colour (Okabe and Ito's, which work without colour vision).
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace convoy {

struct Curve {
  std::string label;
  std::vector<double> x, y;
  std::vector<double> low, high;  // ends of the error bars; empty: none
  bool ideal = false;             // what would be best: a thin dashed line without marks
};

struct CurvePlot {
  std::string name;  // unique on a page, [a-z0-9-]+
  std::string title, x_label, y_label;
  std::vector<Curve> curves;  // points that are not finite are left out
  bool y_from_zero = true;
};

// Parts of a whole, stacked: one bar for each group.
struct BarPlot {
  std::string name;
  std::string title, y_label;
  std::vector<std::string> groups;
  struct Part {
    std::string label;
    std::vector<double> values;  // [group]
  };
  std::vector<Part> parts;
};

using Plot = std::variant<CurvePlot, BarPlot>;

// Throws UserError(unavailable) where gnuplot is not installed, and names the package.
void require_gnuplot();

// An <svg> element for each plot, to be put into a page. Throws like require_gnuplot; SystemError
// where gnuplot fails.
std::vector<std::string> draw(std::span<const Plot> plots);

}  // namespace convoy
