// SPDX-License-Identifier: Apache-2.0
// A folder for a supervised job, in memory if possible, which no other user can open. It holds the
// files of the ranks' MPI library, and is removed with them.
#pragma once

#include <filesystem>

namespace convoy::app {

class JobFolder {
 public:
  // Also removes the folders of jobs whose supervisor was killed; a living supervisor holds a lock
  // on its folder. Throws SystemError(io).
  JobFolder();
  ~JobFolder();
  JobFolder(const JobFolder&) = delete;
  JobFolder& operator=(const JobFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace convoy::app
