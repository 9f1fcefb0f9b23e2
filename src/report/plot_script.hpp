// SPDX-License-Identifier: Apache-2.0
// gnuplot scripts that draw plots. Positions on the canvas are pixels from its upper left corner;
// colours are gnuplot variables, to which begin_svg() and begin_pdf() give values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/plots.hpp"

namespace convoy::gnuplot {

// The number of colours that distinguish curves or parts: classes c1 .. c8 of an element.
inline constexpr std::size_t kColours = 8;

// The colours besides them.
enum class Ink : std::size_t {
  ideal = kColours,
  grid,
  halo,  // text over coloured areas
};

// "rgb ink_N", which refers to a gnuplot variable.
std::string colour(std::size_t number);
std::string colour(Ink ink);
// "c1" .., "ideal", "grid", "halo"; empty if no colour has this number.
std::string class_of(std::size_t number);

struct Script {
  std::string text;                 // without the terminal
  std::vector<std::string> titles;  // of gnuplot's plot elements, in their order
  double height = 0;                // pixels
};

// The text before a script: the terminal and the colours. For a page the colours are 0x0100NN,
// which a plot does not use otherwise (class_of() turns NN into a class); a PDF has those of the
// light page.
std::string begin_svg(const Script& script);
std::string begin_pdf(const Script& script);

Script script_of(const CurvePlot& plot);
Script script_of(const BarPlot& plot);

// The parts that curves and bars share.

inline constexpr double kWidth = 520;
inline constexpr double kFont = 12;

inline constexpr double kPlotHeight = 230;

// The approximate width of a label, and the part of a label that fits into a width.
double label_width(std::string_view text);
std::string fitting(std::string_view text, double room);

class Canvas {
 public:
  // `below` is the distance from the plot's lower edge to the key.
  Canvas(std::string_view title, double below, double key_height);

  static constexpr double kLeft = 4, kRight = 14;
  double key_top() const { return plot_bottom_ + below_; }
  double height() const { return height_; }
  std::string head() const;                  // margins, axes, title
  std::string at(double x, double y) const;  // "screen 0.1,0.2"
  std::string text(double x, double y, std::string_view text) const;

 private:
  std::string title_;
  double plot_top_, plot_bottom_, below_, height_;
};

// The labels of a key, in as many columns as fit.
class Key {
 public:
  explicit Key(std::vector<std::string> labels);
  double height() const;
  struct Position {
    double x, y;  // left end of the sample; middle of the line
  };
  Position position(const Canvas& canvas, std::size_t entry) const;
  std::string text(const Canvas& canvas, std::size_t entry) const;
  static constexpr double kSample = 34;

 private:
  static constexpr double kRow = 19, kGap = 8, kBetween = 16;
  std::vector<std::string> labels_;
  std::vector<double> lefts_;  // of the columns
};

// `text` as a gnuplot string in which no character has a special meaning.
std::string gnuplot_string(std::string_view text);
// The same for a tic label, in which % would be special.
std::string quoted_tic(std::string_view text);
std::string number(double value);

}  // namespace convoy::gnuplot
