// SPDX-License-Identifier: Apache-2.0
// Plots of a report, drawn by gnuplot (its SVG terminal) and prepared for a page: every colour is a
// class to which the page's style gives a light and a dark value, ids are unique to the plot, and
// the same numbers give the same bytes. Curves differ in shape and dash as well as in colour (the
// palette of Okabe and Ito, which works without colour vision).
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
  bool ideal = false;             // an ideal curve: a thin dashed line without marks
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

// Throws UserError(unavailable), which names the package, if gnuplot is not installed.
void require_gnuplot();

// Returns an <svg> element for each plot, to be inserted into a page. Throws the errors of
// require_gnuplot(), and SystemError if gnuplot fails.
std::vector<std::string> draw(std::span<const Plot> plots);

// Makes a file from one result of draw(): with the light page's colours and a size.
std::string svg_file(std::string_view drawn);

// Returns a PDF for each plot, with the light page's colours and embedded fonts. The same numbers
// give the same bytes. Throws the errors of draw(), also if gnuplot was built without Cairo.
std::vector<std::string> draw_pdf(std::span<const Plot> plots);

// The name of a plot's files, without an extension.
const std::string& name_of(const Plot& plot);

}  // namespace convoy
