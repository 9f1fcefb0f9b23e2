// SPDX-License-Identifier: Apache-2.0
// A picture of pictures: a row of small ones for each class.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "survey/picture_data.hpp"

namespace convoy::app {

inline constexpr Index kSheetColumns = 10;
inline constexpr Index kSheetCell = 64;         // pixels of a small picture
inline constexpr Index kSheetGap = 2;           // between two, and around all
inline constexpr std::size_t kSheetRows = 200;  // the first classes

// A PNG with the first kSheetColumns images of each class that can be read, training images first,
// each fitted into a square. Floats are shown from their lowest value, black, to their highest,
// white; of channels other than 1 or 3 the first is shown.
std::string contact_sheet(const PictureData& data);

}  // namespace convoy::app
