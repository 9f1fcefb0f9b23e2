// SPDX-License-Identifier: Apache-2.0
// The test images of a data set of arrays: a known set by its name, or a folder with the files of
// one (data/folder.hpp). Folders of pictures are read picture by picture (file_names.hpp) instead.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "images/image_file.hpp"

namespace convoy::app {

// Whether `input` is such a set. A known name comes before a file of this name, as in load_data().
bool is_image_set(const std::string& input);

// The test images and their labels, or number `wanted` of them alone. Adds what load_data() notes
// to `notes`, and throws its errors; also UserError(usage) where there is no such number.
std::unique_ptr<ImageFile> open_image_set(const std::string& input, const DataOptions& options,
                                          std::optional<Index> wanted,
                                          std::vector<std::string>& notes);

}  // namespace convoy::app
