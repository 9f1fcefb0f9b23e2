// SPDX-License-Identifier: Apache-2.0
// Data sets by name or folder: where they are searched, and what is read there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "data/dataset.hpp"
#include "data/pictures/listing.hpp"

namespace convoy {

// Returns the name under which load_data() finds the same data from any working directory: a known
// name or a missing path unchanged, a folder or file as an absolute path.
std::string lasting_name(const std::string& name_or_folder);
// The same for data that was loaded: its name if it lies where that name is searched, or in no
// folder (synthetic, or from memory); else its folder or file as an absolute path.
std::string lasting_name(const TrainAndTest& data);

// The pictures of a list, or of class folders where no other format fits; nothing for any other
// path. Throws as list_file() and list_class_folders() do.
std::optional<Listing> listing_of(const std::filesystem::path& path);

// Returns the folder into which `convoy fetch` writes `name`: the first of `searched` that the user
// may write, without the system's places. Throws UserError(usage) for a name that cannot be
// fetched, and UserError(not_found) where no such folder exists.
std::filesystem::path fetch_folder(std::string_view name);

}  // namespace convoy
