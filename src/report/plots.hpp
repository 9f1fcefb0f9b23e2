// SPDX-License-Identifier: Apache-2.0
// Plots of a report, drawn by gnuplot (its SVG terminal) and made fit for a page: every colour is
// one of a few names that the page's style gives a light and a dark value, ids are the plot's own,
// and the same numbers give the same bytes. Curves are told apart by shape and dash as well as by
// colour (Okabe and Ito's, which work without colour vision).
#pragma once

#include <span>
#include <string>
#include <string_view>
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

// What draw() returned of one, as a file of its own: with the light page's colours and a size.
std::string svg_file(std::string_view drawn);

// A PDF for each plot, with the light page's colours and the fonts embedded. The same numbers give
// the same bytes. Throws like draw(), also where gnuplot was built without Cairo.
std::vector<std::string> draw_pdf(std::span<const Plot> plots);

// The name of a plot's files, without an ending.
const std::string& name_of(const Plot& plot);

}  // namespace convoy
