// SPDX-License-Identifier: Apache-2.0
// A folder of a supervised job, in memory if possible, that no other user can enter. What the
// ranks' MPI library leaves there goes with it.
#pragma once

#include <filesystem>

namespace convoy::app {

class JobFolder {
 public:
  // Also removes those of jobs whose supervisor was killed: it held a lock on its folder. Throws
  // SystemError(io).
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
