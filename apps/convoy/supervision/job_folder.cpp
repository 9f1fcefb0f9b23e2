// SPDX-License-Identifier: Apache-2.0
#include "supervision/job_folder.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "internal.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBegin = "convoy-job-";
constexpr time_t kSecondsToLock = 60;  // between creating a folder and locking it

int open_folder(const fs::path& path) {
  return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool is_abandoned(const fs::path& path) {
  const int folder = open_folder(path);
  if (folder < 0) return false;
  struct stat status {};
  const bool old = fstat(folder, &status) == 0 && status.st_uid == geteuid() &&
                   time(nullptr) - status.st_mtime > kSecondsToLock;
  const bool abandoned = old && flock(folder, LOCK_EX | LOCK_NB) == 0;
  close(folder);
  return abandoned;
}

void remove_abandoned(const fs::path& above) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(above, ignored)) {
    const bool ours = entry.path().filename().string().starts_with(kBegin);
    if (ours && is_abandoned(entry.path())) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

JobFolder::JobFolder() {
  const fs::path above =
      access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
  remove_abandoned(above);
  std::string name = (above / (std::string(kBegin) + "XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) throw SystemError(Fault::io, "mkdtemp", name, errno);
  path_ = name;
  lock_ = open_folder(path_);
  if (lock_ >= 0) flock(lock_, LOCK_EX | LOCK_NB);
}

JobFolder::~JobFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  if (lock_ >= 0) close(lock_);
}

}  // namespace convoy::app
