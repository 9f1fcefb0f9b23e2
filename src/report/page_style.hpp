// SPDX-License-Identifier: Apache-2.0
// The style of a report's page: all of its colours, light and dark, and what print makes of it.
#pragma once

#include <string>
#include <string_view>

namespace convoy {

std::string_view page_style();

// For a plot in a file of its own: the light colours, and only what programs without variables of
// CSS know, too.
std::string plot_style();

// 0xRRGGBB of a class of an element of a plot: "c1" .. "c8", "ideal", "grid", "halo"; also "ink".
unsigned light_colour(std::string_view plot_class);

}  // namespace convoy
