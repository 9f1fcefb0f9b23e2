// SPDX-License-Identifier: Apache-2.0
#include "train/new_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.hpp"
#include "base/safe_text.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "lock";
constexpr std::size_t kLongestStem = 200;  // keeps the temporary's name short enough

fs::path parent_of(const fs::path& folder) {
  return folder.has_parent_path() ? folder.parent_path() : fs::path(".");
}

std::string temporary_prefix(const fs::path& target) {
  return target.filename().string().substr(0, kLongestStem) + ".tmp-";
}

[[noreturn]] void fail(std::string_view call, const fs::path& target, int error) {
  throw SystemError(Fault::io, call, target.string(), error);
}

[[noreturn]] void refuse(const fs::path& target) {
  if (is_locked(target / kLock)) {
    throw UserError(Fault::usage, fmt::format("the run folder {} is in use", target.string()),
                    "another process has begun a run there",
                    "wait for that process, or give another folder");
  }
  throw UserError(Fault::usage, fmt::format("{} exists already", target.string()), "",
                  fmt::format("continue it with --resume {}, or give another folder that does not "
                              "exist or is empty",
                              shell_path(target)));
}

fs::path numbered(const fs::path& target, int number) {
  if (number == 1) return target;
  fs::path name = target;
  name += fmt::format("-{}", number);
  return name;
}

// Returns 0 or errno. rename() replaces an empty folder and nothing else.
int rename_over_empty(const fs::path& from, const fs::path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

// Returns 0 or errno; EEXIST if the name is taken. On a file system that cannot refuse by itself,
// the process that creates the folder gets the name.
int rename_to_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::mkdir(to.c_str(), 0700) != 0) return errno;
  return rename_over_empty(from, to);
}

// Whether it is a folder of this user on which no process holds the lock: its builder has ended.
bool is_abandoned(const fs::path& folder) {
  struct stat facts {};
  if (::lstat(folder.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return false;
  return facts.st_uid == ::geteuid();
}

}  // namespace

fs::path without_slash(const fs::path& folder) {
  const fs::path path = folder.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

void check_is_free(const fs::path& target) {
  struct stat facts {};
  if (::lstat(target.c_str(), &facts) != 0) {
    if (errno == ENOENT) return;
    fail("lstat", target, errno);
  }
  std::error_code error;
  if (!S_ISDIR(facts.st_mode) || !fs::is_empty(target, error) || error) refuse(target);
}

void remove_abandoned(const fs::path& target) noexcept {
  try {
    const std::string prefix = temporary_prefix(target);
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(parent_of(target))) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) &&
          is_random_name(std::string_view(name).substr(prefix.size())) &&
          is_abandoned(entry.path())) {
        found.push_back(entry.path());
      }
    }
    for (const fs::path& folder : found) {
      // The lock is held while the contents are removed. A process that has just made the folder,
      // and is about to lock it, notices this and takes another name.
      const auto lock = try_effective_lock(folder / kLock);
      std::error_code ignored;
      if (lock) fs::remove_all(folder, ignored);
    }
  } catch (const std::exception&) {
  }
}

NewFolder::NewFolder(fs::path target, std::vector<fs::path> contents)
    : target_(std::move(target)), contents_(std::move(contents)) {
  make_folders(parent_of(target_));
  remove_abandoned(target_);
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    if (try_make()) return;
  }
  fail("mkdir", path_, EEXIST);
}

// Returns false if another process has that name, or removed the folder as abandoned.
bool NewFolder::try_make() {
  path_ = parent_of(target_) / (temporary_prefix(target_) + random_name());
  if (::mkdir(path_.c_str(), 0700) != 0) {
    if (errno == EEXIST) return false;
    fail("mkdir", path_, errno);
  }
  try {
    std::optional<FileDescriptor> lock = try_lock(path_ / kLock);
    struct stat facts {};
    if (!lock || ::lstat((path_ / kLock).c_str(), &facts) != 0) return false;
    lock_ = std::move(*lock);
    return true;
  } catch (...) {
    struct stat facts {};
    if (::lstat(path_.c_str(), &facts) != 0 && errno == ENOENT) return false;
    ::unlink((path_ / kLock).c_str());
    ::rmdir(path_.c_str());
    throw;
  }
}

NewFolder::~NewFolder() {
  if (is_published_) return;
  for (const fs::path& name : contents_) ::remove((path_ / name).c_str());
  ::unlink((path_ / kLock).c_str());
  ::rmdir(path_.c_str());
}

void NewFolder::make_subfolder(const fs::path& name) {
  const fs::path folder = path_ / name;
  struct stat facts {};
  if (::mkdir(folder.c_str(), 0777) != 0) fail("mkdir", folder, errno);
  if (::lstat(folder.c_str(), &facts) != 0) fail("lstat", folder, errno);
  mode_ = facts.st_mode & 07777;  // the umask, which cannot be read without changing it
}

void NewFolder::keep_access_of_target() {
  struct stat facts {};
  if (::lstat(target_.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return;
  // The access rights that another user gave to the old folder are not copied.
  constexpr auto kSame = static_cast<uid_t>(-1);
  if (facts.st_uid != ::geteuid() || ::lchown(path_.c_str(), kSame, facts.st_gid) != 0) return;
  mode_ = facts.st_mode & 07777;
}

fs::path NewFolder::publish(Taken taken) {
  if (taken == Taken::refused) keep_access_of_target();
  if (::chmod(path_.c_str(), mode_) != 0) fail("chmod", path_, errno);
  fs::path name = target_;
  int error = 0;
  if (taken == Taken::refused) {
    error = rename_over_empty(path_, name);
  } else {
    for (int number = 1;
         (error = rename_to_new(path_, name = numbered(target_, number))) == EEXIST;)
      ++number;
  }
  if (error == EEXIST || error == ENOTEMPTY || error == ENOTDIR) refuse(name);
  if (error == EBUSY || error == EINVAL) {
    throw UserError(Fault::usage, fmt::format("{} can't become a run folder", name.string()),
                    "it is the current folder, or a mount point",
                    fmt::format("give the name of a new folder in it, for example {}",
                                shell_path(name / "run")));
  }
  if (error != 0) fail("rename", name, error);
  is_published_ = true;
  sync_folder(parent_of(name));
  return name;
}

}  // namespace convoy
