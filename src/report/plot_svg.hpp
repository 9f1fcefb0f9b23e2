// SPDX-License-Identifier: Apache-2.0
// Prepares the output of gnuplot's SVG terminal for a page.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace convoy::gnuplot {

// Turns one SVG document from gnuplot into an <svg> element. Size in pixels, prolog and version
// texts are removed; ids begin with `name`; colours become the classes of class_of(), and all
// others currentColor; unused marks are removed. `titles`, one for each of gnuplot's plot elements,
// appear when a pointer is over the element.
std::string page_svg(std::string_view document, std::string_view name, std::string_view title,
                     std::span<const std::string> titles);

}  // namespace convoy::gnuplot
