// SPDX-License-Identifier: Apache-2.0
// The bytes of a picture of a listing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/pictures/listing.hpp"

namespace convoy {

// Reads the picture's file as it is; messages call it `name`. Throws UserError(bad_data) where it
// has more than kMostPictureBytes, before memory is allocated; UserError(io) where it is not the
// file that was listed; UserError(not_found); and SystemError(io). Thread-safe.
std::vector<std::uint8_t> read_listed_file(const Listing& listing, const ListedPicture& picture,
                                           const std::string& name);

}  // namespace convoy
