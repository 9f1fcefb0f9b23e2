// SPDX-License-Identifier: Apache-2.0
// The text of a list of pictures, CSV or TSV, taken apart by the rules of listing.hpp. It does not
// look at files.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/pictures/listing.hpp"

namespace convoy {

struct ListRow {
  std::string path;   // as written; not empty
  std::string label;  // not empty, at most kLongestClassName bytes, in UTF-8
  std::optional<PicturePart> part;
  std::size_t line = 0;  // from 1, where the row begins
};

// `name` is that of the file, for messages. Throws UserError(bad_data) with the line.
std::vector<ListRow> list_rows(std::string_view text, const std::string& name);

// A label as a whole number from 0 to kMostClasses - 1; nothing for any other text.
std::optional<Label> label_number(std::string_view text);

// Whether a label is a whole number of any size: digits, perhaps behind a minus.
bool is_whole_number(std::string_view text);

}  // namespace convoy
