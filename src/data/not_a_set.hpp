// SPDX-License-Identifier: Apache-2.0
// What a user is told about a file, a folder or a name that is no data set: what it seems to be,
// and what to give instead.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/folder.hpp"

namespace convoy {

// A format, and which of its files a folder has.
struct FormatFiles {
  Format format;
  FolderFiles files;
};

// What the files of a folder lack: "lacks train-images-idx3-ubyte".
std::string spelled_out(const FolderFiles& files);
// The command that unpacks files that are compressed with xz.
std::string unxz_remedy(const std::filesystem::path& folder);

// Whether the ending of the file is that of an archive that has to be unpacked: .zip, .tar.gz ...
bool is_archive_name(std::string_view file);

// All three throw UserError; the first two not_found, and the last io.
[[noreturn]] void refuse_file(const std::filesystem::path& file);
// `all` are the formats, in the order of formats().
[[noreturn]] void refuse_folder(const std::filesystem::path& folder,
                                const std::vector<FormatFiles>& all);
[[noreturn]] void refuse_unreadable(const std::filesystem::path& folder,
                                    const std::error_code& error);

// The sets whose files lie in a folder of that name, where that is no set itself: for "emnist",
// "emnist-byclass, emnist-bymerge ..."; otherwise empty.
std::string sets_in_folder(std::string_view name);

}  // namespace convoy
