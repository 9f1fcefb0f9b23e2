// SPDX-License-Identifier: Apache-2.0
// What a folder holds, by the rules of listing.hpp for hidden files and links.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/pictures/file_version.hpp"

namespace convoy {

enum class EntryKind : std::uint8_t {
  folder,
  file,      // a regular file
  dangling,  // a link that leads nowhere
  other,     // a pipe, a device ...
};

// Links are followed, so these are the facts of what they lead to.
struct FolderEntry {
  std::string name;
  EntryKind kind = EntryKind::other;
  FileVersion file = {};
  dev_t device = 0;
};

bool is_hidden_name(std::string_view name);

// The entries that are not hidden, sorted by name. `left` is how many more entries may be looked
// at; throws UserError(bad_data) where there are more, and SystemError(io) where the folder cannot
// be read.
std::vector<FolderEntry> folder_entries(const std::filesystem::path& folder, std::size_t& left);

}  // namespace convoy
