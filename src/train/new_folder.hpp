// SPDX-License-Identifier: Apache-2.0
// A folder that appears complete or not at all. It is built next to its target under a name that
// other users cannot predict, TARGET.tmp-RANDOM, with access for its owner alone (mode 0700), and
// renamed when complete.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/durable_file.hpp"
#include "train/taken.hpp"

namespace convoy {

class NewFolder {
 public:
  // `contents` lists all paths, relative to the folder, that may be created in it; a folder comes
  // after its contents. Makes the folders above the target, and removes what killed processes left
  // of earlier NewFolders.
  NewFolder(std::filesystem::path target, std::vector<std::filesystem::path> contents);
  // Removes the contents and the folder, unless it was published. It opens no descriptor.
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void make_subfolder(const std::filesystem::path& name);
  // The lock on the file `lock` in the folder. It is held from the beginning; other processes see
  // by it that the folder is not abandoned.
  FileDescriptor take_lock() { return std::move(lock_); }

  // Renames the folder in one step, with the access rights of the user's umask (or of the empty
  // folder that it replaces), and syncs the folder above. Returns its path. Throws UserError(usage)
  // if the target is taken, except for `numbered`.
  std::filesystem::path publish(Taken taken);

 private:
  bool try_make();
  void keep_access_of_target();

  std::filesystem::path target_, path_;
  std::vector<std::filesystem::path> contents_;
  FileDescriptor lock_;
  mode_t mode_ = 0700;
  bool is_published_ = false;
};

// Throws UserError(usage) if the target holds anything but an empty folder.
void check_is_free(const std::filesystem::path& target);

// Removes what killed processes left of NewFolders for this target, if it belongs to this user and
// is surely abandoned. Throws nothing, because a failure to clean up does not matter.
void remove_abandoned(const std::filesystem::path& target) noexcept;

// Removes a slash at the end, after which the last part of the path would be empty.
std::filesystem::path without_slash(const std::filesystem::path& folder);

}  // namespace convoy
