// SPDX-License-Identifier: Apache-2.0
// A folder that appears whole or not at all: built beside its place under a name that nobody can
// prepare, PLACE.tmp-RANDOM, where its owner alone has access (mode 0700), and renamed when whole.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "train/durable_file.hpp"
#include "train/taken.hpp"

namespace convoy {

class NewFolder {
 public:
  // `contents`: all that may come to lie in it, below its path; what holds others stands behind
  // them. Makes the folders above the place, and removes what killed processes left of it.
  NewFolder(std::filesystem::path place, std::vector<std::filesystem::path> contents);
  // Unless it was put in its place: removes the contents and the folder. It takes no descriptor.
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void make_subfolder(const std::filesystem::path& name);
  // Of the file `lock` in it: held since it was made, by which others know that it is not
  // abandoned.
  FileDescriptor take_lock() { return std::move(lock_); }

  // Renames it in one step, with the access that the user's umask gives (or that of the empty
  // folder which it replaces), and syncs the folder above. Returns where it is. Throws
  // UserError(usage) where the place is taken, and for `numbered` never.
  std::filesystem::path put_in_place(Taken taken);

 private:
  bool try_make();
  void keep_access_of_place();

  std::filesystem::path place_, path_;
  std::vector<std::filesystem::path> contents_;
  FileDescriptor lock_;
  mode_t mode_ = 0700;
  bool in_place_ = false;
};

// Throws UserError(usage) where there is anything but an empty folder.
void check_is_free(const std::filesystem::path& place);

// Removes what killed processes left of NewFolders for this place, where they are this user's and
// can be told from those that live. Throws nothing: it is a courtesy.
void remove_abandoned(const std::filesystem::path& place) noexcept;

// Without a slash at its end, which would make it a name in itself.
std::filesystem::path without_slash(const std::filesystem::path& folder);

}  // namespace convoy
