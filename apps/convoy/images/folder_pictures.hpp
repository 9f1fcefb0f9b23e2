// SPDX-License-Identifier: Apache-2.0
// The pictures of a folder and of all folders in it.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "internal.hpp"

namespace convoy::app {

// Whether a file's name ends as that of a picture: .png, .jpg, .jpeg, .webp, .pgm, .ppm or .pnm, in
// capitals or not, and .gz behind it or not.
bool has_name_of_picture(const std::filesystem::path& file);

// Goes through a folder in the order of the names, as bytes; a folder's content stands where its
// name stands. Files and folders whose names begin with a dot are left out, and so are files of
// which has_name_of_picture() is false. Links are followed, and each folder is read once, so that
// links that form a circle end. The names of the folders on the way down are in memory, and those
// of no others.
class FolderPictures {
 public:
  explicit FolderPictures(std::filesystem::path folder);

  // The next picture, as a path that begins with the folder's; nothing at the end. Throws
  // UserError(io) about a folder that cannot be read; the next call continues behind it.
  std::optional<std::filesystem::path> next();
  // The number of files that were left out because of their names, but for hidden ones.
  Index other_files() const { return other_files_; }

 private:
  struct Level {
    std::filesystem::path folder;
    std::vector<std::string> names;  // sorted; those of files that are no pictures are not there
    std::size_t at = 0;
  };
  void enter(const std::filesystem::path& folder);

  std::filesystem::path start_;
  bool has_started_ = false;
  std::vector<Level> levels_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> entered_;  // device and number of each folder
  Index other_files_ = 0;
};

// The class of a picture by its folders: the nearest folder above `file`, up to `root` itself,
// whose name is one of `class_names`. (The name of the folder "." is that of the current one.)
std::optional<Index> class_by_folder(const std::filesystem::path& file,
                                     const std::filesystem::path& root,
                                     const std::vector<std::string>& class_names);

}  // namespace convoy::app
