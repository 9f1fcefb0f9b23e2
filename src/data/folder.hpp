// SPDX-License-Identifier: Apache-2.0
// A data set's files in a folder: under which names they may lie, which are there, and reading
// them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "data/dataset.hpp"

namespace convoy {

enum class Format { idx, cifar };

// Of the files that a format needs (a small list, e.g. train and test images and labels).
struct FolderFiles {
  std::vector<std::filesystem::path> found;  // in the order of wanted_files; empty path: missing
  std::vector<std::string> missing;
  std::vector<std::string> only_xz;  // missing, but there with .xz at its end
  std::error_code unreadable;        // set: why the system does not say what is there

  bool complete() const { return missing.empty(); }
  bool any() const { return missing.size() < found.size() || !only_xz.empty(); }
};

std::vector<std::string> wanted_files(Format format);
// Whether a file of this name, in any spelling and packing, is one of those.
bool is_wanted(std::string_view name, Format format);
FolderFiles find_files(const std::filesystem::path& folder, Format format);

// What a known set's classes are called; for a folder of the user's, `names` is empty.
struct Parts {
  Dataset train;
  Dataset test;
};
// `files` is complete. Empty `names`: those of class_names.txt (IDX) or batches.meta.txt
// (CIFAR-10).
Parts read_folder(const std::filesystem::path& folder, Format format, const FolderFiles& files,
                  std::vector<std::string> names);

}  // namespace convoy
