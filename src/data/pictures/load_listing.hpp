// SPDX-License-Identifier: Apache-2.0
// Class folders and lists of pictures as a data set.
#pragma once

#include <filesystem>
#include <string>

#include "convoy/data.hpp"
#include "data/pictures/listing.hpp"

namespace convoy {

// Splits the listing by options.test_fraction, options.validation and options.seed, loads its
// pictures (picture_set.hpp), and makes the parts of them. The training images have the order of
// the listing, those held out among them, and so do the test images. `name` and `folder` are those
// of the result. Its notes are those of the listing, then what became of the cache and of bad
// pictures. Throws as split() and load_pictures() do, and UserError(bad_data) where no training
// picture can be used, or none of those that options.validation asks for.
TrainAndTest load_listing(Listing listing, const std::string& name,
                          const std::filesystem::path& folder, const DataOptions& options);

}  // namespace convoy
