// SPDX-License-Identifier: Apache-2.0
// The files of a data set in a folder: which names they may have, which of them exist, and how they
// are read. Each format is a row of the table in folder.cpp (docs/adding-a-data-format.md).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "data/parts.hpp"

namespace convoy {

enum class Format {
  idx,
  qmnist,
  emnist_byclass,
  emnist_bymerge,
  emnist_balanced,
  emnist_letters,
  emnist_digits,
  emnist_mnist,
  cifar,
  cifar100,
  cifar100_coarse,
  npy,
};

// The files that a format needs and that a folder has (a small list, e.g. train and test images and
// labels).
struct FolderFiles {
  std::vector<std::filesystem::path> found;  // in the order of wanted_files; empty path: missing
  std::vector<std::string> missing;
  std::vector<std::string> only_xz;  // missing, but present with .xz at the end
  std::vector<std::string> doubled;  // the two names under which one file is there, if it is
  std::error_code unreadable;        // set: why the system cannot list the folder

  bool complete() const { return missing.empty(); }
  bool any() const { return missing.size() < found.size() || !only_xz.empty(); }
};

// All formats that a folder of its own may have, in the order of messages. (The coarse labels of
// CIFAR-100 are in the files of the fine ones; the name of the known set chooses them.)
std::vector<Format> formats();
// Those of them that messages list.
std::vector<Format> common_formats();
// As in "files in the format of MNIST (IDX)".
std::string_view name_of(Format format);
std::vector<std::string> wanted_files(Format format);
// Whether `name`, in any spelling and packing, is one of those files.
bool is_wanted(std::string_view name, Format format);
FolderFiles find_files(const std::filesystem::path& folder, Format format);

// `files` must be complete. `names` are the class names of a known set; where they are empty, they
// come from the format's file of names, if it exists, or are those of the format.
Parts read_folder(const std::filesystem::path& folder, Format format, const FolderFiles& files,
                  std::vector<std::string> names, const DataOptions& options);

}  // namespace convoy
