// SPDX-License-Identifier: Apache-2.0
// What gnuplot's SVG terminal prints, made fit for a page.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace convoy::gnuplot {

// One document of gnuplot's as an <svg> element: without a size in pixels, prolog, and what its
// version says; ids begin with `name`; instead of colours the classes of class_of(), and
// currentColor for all else; marks that nothing uses are gone. `titles`, one for each of gnuplot's
// plot elements, are what a pointer over it shows.
std::string page_svg(std::string_view document, std::string_view name, std::string_view title,
                     std::span<const std::string> titles);

}  // namespace convoy::gnuplot
