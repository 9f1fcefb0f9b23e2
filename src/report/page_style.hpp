// SPDX-License-Identifier: Apache-2.0
// The style of a report's page: all of its colours, light and dark, and its print style.
#pragma once

#include <string>
#include <string_view>

namespace convoy {

std::string_view page_style();

// The style of a plot in a file of its own: the light colours, without CSS variables, which some
// programs do not support.
std::string plot_style();

// The colour 0xRRGGBB of a plot element's class: "c1" .. "c8", "ideal", "grid", "halo"; also "ink".
unsigned light_colour(std::string_view plot_class);

}  // namespace convoy
