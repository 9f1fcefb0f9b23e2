// SPDX-License-Identifier: Apache-2.0
// Lists of pictures that are parts of one data set: DIR/train.csv and DIR/test.csv.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/pictures/listing.hpp"

namespace convoy {

struct PartList {
  std::string name;  // of the file, in the folder
  PicturePart part;  // of all its pictures
};

// Reads them as list_file() does. If there is one list alone, it may have a column for the parts.
Listing list_parts_of(const std::filesystem::path& folder, const std::vector<PartList>& lists);

}  // namespace convoy
