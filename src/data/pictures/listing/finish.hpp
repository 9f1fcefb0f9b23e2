// SPDX-License-Identifier: Apache-2.0
// What class folders and lists have in common.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "data/pictures/listing.hpp"

namespace convoy {

// A path in a message or a note: on one line (convoy::printable()).
std::string shown(const std::filesystem::path& path);

// "a, b, c and 5 more": at most `most` of them, each on one line.
std::string some_of(std::span<const std::string> names, std::size_t most = 20);

// "train", "validation" or "test".
std::string_view name_of(PicturePart part);

// Checks the classes of a listing that is otherwise complete (listing.hpp, "classes"), sorts its
// pictures, sets has_test and has_validation, and adds notes. `classes_are_numbers`: classes
// without any picture are noted; else they are refused.
void finish_listing(Listing& listing, const std::string& name, bool classes_are_numbers);

}  // namespace convoy
