// SPDX-License-Identifier: Apache-2.0
#include "base/durable_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "base/check.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::size_t kRandomDigits = 16;
constexpr std::size_t kLongestStem = 200;  // keeps the temporary's name short enough

// Repeats a call that a signal interrupted.
template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

[[noreturn]] void fail(std::string_view call, const fs::path& file) {
  throw SystemError(Fault::io, call, file.string(), errno);
}

FileDescriptor try_open(const fs::path& file, int flags) {
  return FileDescriptor(retry([&] { return ::open(file.c_str(), flags | O_CLOEXEC, 0666); }));
}

FileDescriptor open_or_throw(const fs::path& file, int flags) {
  FileDescriptor descriptor = try_open(file, flags);
  if (!descriptor.is_open()) fail("open", file);
  return descriptor;
}

// Opens a file of ours that may exist. Another user may have put a link to someone else's file, or
// a pipe without a reader, in its place: neither is opened. If it is not open, errno has the
// reason.
FileDescriptor open_own(const fs::path& file, int flags) {
  FileDescriptor descriptor = try_open(file, flags | O_NOFOLLOW | O_NONBLOCK);
  if (!descriptor.is_open()) {
    if (errno == ELOOP) throw SystemError(Fault::io, "open", file.string(), "it is a link");
    return descriptor;
  }
  struct stat facts {};
  if (::fstat(descriptor.get(), &facts) != 0) fail("fstat", file);
  if (!S_ISREG(facts.st_mode)) {
    throw SystemError(Fault::io, "open", file.string(), "it is not a regular file");
  }
  return descriptor;
}

void write_all(const FileDescriptor& descriptor, const fs::path& file,
               std::span<const std::byte> bytes) {
  // Linux writes at most 2 GiB per call.
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const auto written = retry([&] {
      return ::write(descriptor.get(), bytes.data(), std::min(bytes.size(), kMostAtOnce));
    });
    if (written < 0) fail("write", file);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void close_or_throw(FileDescriptor& descriptor, const fs::path& file) {
  if (const int error = descriptor.close(); error != 0) {
    throw SystemError(Fault::io, "close", file.string(), error);
  }
}

void sync_and_close(FileDescriptor& descriptor, const fs::path& file) {
  if (retry([&] { return ::fsync(descriptor.get()); }) < 0) fail("fsync", file);
  close_or_throw(descriptor, file);
}

fs::path folder_of(const fs::path& file) {
  const fs::path folder = file.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

fs::path temporary_for(const fs::path& file) {
  const std::string stem = file.filename().string().substr(0, kLongestStem);
  return folder_of(file) / fmt::format("{}.{}{}", stem, random_name(), kTemporarySuffix);
}

// For a temporary file of an older version: FILE.PID.tmp.
bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Returns 0, or the errno of the failure; EWOULDBLOCK: another process holds the lock.
int lock(const FileDescriptor& descriptor) {
  return retry([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) == 0 ? 0 : errno;
}

bool means_no_locks(int error) {
  return error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP;
}

FileDescriptor open_lock(const fs::path& file) {
  FileDescriptor descriptor = open_own(file, O_RDWR | O_CREAT);
  if (!descriptor.is_open()) fail("open", file);
  return descriptor;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  close();
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

int FileDescriptor::close() {
  if (fd_ < 0) return 0;
  // Not repeated after EINTR: Linux has released the descriptor by then.
  const int result = ::close(std::exchange(fd_, -1));
  return result < 0 && errno != EINTR ? errno : 0;
}

NewFile::NewFile(fs::path file) : file_(std::move(file)) {
  do {
    temporary_ = temporary_for(file_);
    descriptor_ = try_open(temporary_, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
  } while (!descriptor_.is_open() && errno == EEXIST);
  if (!descriptor_.is_open()) fail("open", temporary_);
}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void NewFile::write(std::span<const std::byte> bytes) {
  write_all(descriptor_, temporary_, bytes);
}

void NewFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = retry([&] {
      return ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (written < 0) fail("write", temporary_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void NewFile::reserve(std::uint64_t bytes) {
  int error = EINTR;
  while (error == EINTR) {
    error = ::posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(bytes));
  }
  if (error != 0) throw SystemError(Fault::io, "posix_fallocate", temporary_.string(), error);
}

void NewFile::cut(std::uint64_t bytes) {
  if (retry([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(bytes)); }) != 0) {
    fail("ftruncate", temporary_);
  }
}

void NewFile::sync() {
  if (retry([&] { return ::fsync(descriptor_.get()); }) < 0) fail("fsync", temporary_);
}

void NewFile::lock() {
  const int error = convoy::lock(descriptor_);
  if (error != 0 && !means_no_locks(error)) {
    throw SystemError(Fault::io, "flock", temporary_.string(), error);
  }
}

void NewFile::make_read_only() {
  constexpr mode_t kReading = S_IRUSR | S_IRGRP | S_IROTH;
  struct stat facts {};
  if (::fstat(descriptor_.get(), &facts) != 0) fail("fstat", temporary_);
  if (::fchmod(descriptor_.get(), facts.st_mode & kReading) != 0) fail("fchmod", temporary_);
}

void NewFile::rename() {
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) fail("rename", file_);
  temporary_.clear();
}

void NewFile::keep() {
  close_or_throw(descriptor_, temporary_);
  rename();
}

void NewFile::keep_synced() {
  sync_and_close(descriptor_, temporary_);
  rename();
  sync_folder(folder_of(file_));
}

void replace_file(const fs::path& file, std::span<const std::span<const std::byte>> parts) {
  NewFile fresh(file);
  for (const auto& part : parts) fresh.write(part);
  fresh.keep_synced();
}

void replace_file(const fs::path& file, std::string_view text) {
  NewFile fresh(file);
  fresh.write(std::as_bytes(std::span(text)));
  fresh.keep_synced();
}

void replace_file_unsynced(const fs::path& file, std::string_view text) {
  NewFile fresh(file);
  fresh.write(std::as_bytes(std::span(text)));
  fresh.keep();
}

void overwrite_file(const fs::path& file, std::string_view text) {
  FileDescriptor descriptor = open_own(file, O_WRONLY);
  if (!descriptor.is_open()) fail("open", file);
  write_all(descriptor, file, std::as_bytes(std::span(text)));
  if (retry([&] { return ::ftruncate(descriptor.get(), static_cast<off_t>(text.size())); }) != 0) {
    fail("ftruncate", file);
  }
  close_or_throw(descriptor, file);
}

void append_to_file(const fs::path& file, std::string_view text) {
  bool made = false;
  FileDescriptor descriptor;
  while (!descriptor.is_open()) {
    descriptor = open_own(file, O_WRONLY | O_APPEND);
    if (descriptor.is_open()) break;
    if (errno != ENOENT) fail("open", file);
    descriptor = open_own(file, O_WRONLY | O_APPEND | O_CREAT | O_EXCL);
    made = descriptor.is_open();
    if (!made && errno != EEXIST) fail("open", file);
  }
  write_all(descriptor, file, std::as_bytes(std::span(text)));
  sync_and_close(descriptor, file);
  if (made) sync_folder(folder_of(file));
}

void sync_folder(const fs::path& folder) {
  const FileDescriptor descriptor = open_or_throw(folder, O_RDONLY | O_DIRECTORY);
  // Some file systems have no such call for folders, because they keep their names in order
  // themselves.
  if (retry([&] { return ::fsync(descriptor.get()); }) < 0 && errno != EINVAL) {
    fail("fsync", folder);
  }
}

std::string random_name() {
  std::uint64_t bits = 0;
  const auto got = retry([&] { return ::getrandom(&bits, sizeof bits, 0); });
  if (got != static_cast<ssize_t>(sizeof bits)) fail("getrandom", "a random name");
  return fmt::format("{:0{}x}", bits, kRandomDigits);
}

bool is_random_name(std::string_view text) {
  return text.size() == kRandomDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw SystemError(Fault::io, "mkdir", folder.string(), error.value());
}

bool is_temporary(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.ends_with(kTemporarySuffix)) return false;
  std::string_view stem(name.data(), name.size() - kTemporarySuffix.size());
  const std::size_t dot = stem.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  stem.remove_prefix(dot + 1);
  return is_random_name(stem) || is_number(stem);
}

void remove_temporaries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (is_temporary(entry->path())) found.push_back(entry->path());
  }
  if (error) throw SystemError(Fault::io, "readdir", folder.string(), error.value());
  for (const fs::path& file : found) {
    // A folder is not a temporary file of ours, whatever its name.
    if (::unlink(file.c_str()) != 0 && errno != ENOENT && errno != EISDIR && errno != EPERM) {
      fail("unlink", file);
    }
  }
}

InputFile open_input(const fs::path& file, std::string_view what) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  FileDescriptor descriptor(
      retry([&] { return ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); }));
  if (!descriptor.is_open()) {
    if (errno != ENOENT && errno != ENOTDIR) fail("open", file);
    throw UserError(Fault::not_found, fmt::format("there is no {} {}", what, file.string()), "",
                    "check the path");
  }
  struct stat facts {};
  if (::fstat(descriptor.get(), &facts) != 0) fail("fstat", file);
  if (!S_ISREG(facts.st_mode)) {
    throw UserError(Fault::bad_data, fmt::format("{} is not a {}", file.string(), what),
                    "it is not a regular file", "check the path");
  }
  return {file, std::move(descriptor), static_cast<std::size_t>(facts.st_size), nullptr};
}

void read_at(const InputFile& file, std::size_t offset, std::span<std::byte> bytes) {
  if (file.memory != nullptr) {
    CONVOY_ASSERT(offset + bytes.size() <= file.size);
    std::copy_n(file.memory + offset, bytes.size(), bytes.data());
    return;
  }
  while (!bytes.empty()) {
    const auto got = retry([&] {
      return ::pread(file.descriptor.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (got < 0) fail("read", file.path);
    if (got == 0) {
      throw UserError(Fault::bad_data,
                      fmt::format("{} ends at byte {}", file.path.string(), offset),
                      "it was shortened while it was read", "try again when no program writes it");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::size_t>(got);
  }
}

std::string read_text(const fs::path& file, std::string_view what) {
  const InputFile input = open_input(file, what);
  std::string text(input.size, '\0');
  read_at(input, 0, std::as_writable_bytes(std::span(text)));
  return text;
}

std::optional<FileDescriptor> try_lock(const fs::path& file) {
  FileDescriptor descriptor = open_lock(file);
  const int error = lock(descriptor);
  if (error == EWOULDBLOCK) return std::nullopt;
  if (error != 0 && !means_no_locks(error)) {
    throw SystemError(Fault::io, "flock", file.string(), error);
  }
  return descriptor;
}

std::optional<FileDescriptor> try_effective_lock(const fs::path& file) {
  FileDescriptor descriptor = open_lock(file);
  if (lock(descriptor) != 0) return std::nullopt;
  return descriptor;
}

FileDescriptor lock_folder(const fs::path& folder) noexcept {
  FileDescriptor descriptor = try_open(folder, O_RDONLY | O_DIRECTORY);
  for (int tries = 0; tries < 100 && descriptor.is_open(); ++tries) {
    if (lock(descriptor) != EWOULDBLOCK) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return descriptor;
}

bool is_locked(const fs::path& file) noexcept {
  const FileDescriptor descriptor = try_open(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  return descriptor.is_open() && lock(descriptor) == EWOULDBLOCK;
}

}  // namespace convoy
