// SPDX-License-Identifier: Apache-2.0
#include "part_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "convoy/convoy.hpp"

namespace convoy::app {
namespace {

[[noreturn]] void fail(const char* call, const std::filesystem::path& place) {
  throw SystemError(Fault::io, call, place.string(), errno);
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("open", folder);
  const int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0) fail("fsync", folder);
}

// Opened and locked; -1: renamed or removed by the process that had it, so it is another file now.
int open_locked(const std::filesystem::path& path, struct stat& facts) {
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0) fail("open", path);
  // Where a file system has no locks, we go on without.
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor);
    throw UserError(Fault::unavailable, fmt::format("{} is in use", path.string()),
                    "another download is writing it", "wait for that one to end");
  }
  struct stat now {};
  if (::fstat(descriptor, &facts) == 0 && ::stat(path.c_str(), &now) == 0 &&
      facts.st_ino == now.st_ino)
    return descriptor;
  ::close(descriptor);
  return -1;
}

}  // namespace

PartFile::PartFile(const std::filesystem::path& path) : path_(path) {
  struct stat facts {};
  while (descriptor_ < 0) descriptor_ = open_locked(path, facts);
  size_ = static_cast<std::uint64_t>(facts.st_size);
}

PartFile::~PartFile() {
  ::close(descriptor_);
}

void PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", path_);
    size_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void PartFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) fail("ftruncate", path_);
  size_ = 0;
}

void PartFile::remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) fail("unlink", path_);
}

void PartFile::keep_as(const std::filesystem::path& target) {
  if (::fsync(descriptor_) != 0) fail("fsync", path_);
  if (::rename(path_.c_str(), target.c_str()) != 0) fail("rename", path_);
  sync_folder(target.parent_path());
}

}  // namespace convoy::app
