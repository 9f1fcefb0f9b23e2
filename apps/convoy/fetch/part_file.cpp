// SPDX-License-Identifier: Apache-2.0
#include "fetch/part_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "internal.hpp"

namespace convoy::app {
namespace {

[[noreturn]] void fail(const char* call, const std::filesystem::path& file) {
  throw SystemError(Fault::io, call, file.string(), errno);
}

// Opens the part of an earlier download by this user, or makes a new file. It never opens what
// another user may have placed under the name: a link, a file with a second name elsewhere, a file
// that its owner can change after it was checked.
FileDescriptor open_or_make(const std::filesystem::path& path, struct stat& facts) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  for (;;) {
    FileDescriptor part(::open(path.c_str(), kFlags));
    if (!part.is_open() && errno == ENOENT) {
      part = FileDescriptor(::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0644));
      if (!part.is_open() && errno == EEXIST) continue;
    }
    if (!part.is_open() && errno != ELOOP) fail("open", path);
    if (part.is_open() && ::fstat(part.get(), &facts) != 0) fail("fstat", path);
    if (part.is_open() && S_ISREG(facts.st_mode) && facts.st_nlink <= 1 &&
        facts.st_uid == ::geteuid()) {
      return part;
    }
    throw UserError(Fault::io, fmt::format("the download of {} cannot be continued", path.string()),
                    "it is a link, is not a file, or belongs to another user", "remove it");
  }
}

// Returns the file, opened and locked; or a closed one if the process that held it has renamed or
// removed it, so that the name stands for another file now.
FileDescriptor open_locked(const std::filesystem::path& path, struct stat& facts) {
  FileDescriptor part = open_or_make(path, facts);
  // On a file system without locks we continue without one.
  if (::flock(part.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw UserError(Fault::unavailable, fmt::format("{} is in use", path.string()),
                    "another download is writing it", "wait for that one to end");
  }
  struct stat now {};
  if (::fstat(part.get(), &facts) == 0 && ::lstat(path.c_str(), &now) == 0 &&
      facts.st_ino == now.st_ino) {
    return part;
  }
  return {};
}

}  // namespace

PartFile::PartFile(const std::filesystem::path& path) : path_(path) {
  struct stat facts {};
  while (!part_.is_open()) part_ = open_locked(path, facts);
  size_ = static_cast<std::uint64_t>(facts.st_size);
}

void PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(part_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", path_);
    size_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void PartFile::clear() {
  if (::ftruncate(part_.get(), 0) != 0) fail("ftruncate", path_);
  size_ = 0;
}

void PartFile::remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) fail("unlink", path_);
}

void PartFile::keep_as(const std::filesystem::path& target) {
  if (::fsync(part_.get()) != 0) fail("fsync", path_);
  if (::rename(path_.c_str(), target.c_str()) != 0) fail("rename", path_);
  sync_folder(target.parent_path());
}

}  // namespace convoy::app
