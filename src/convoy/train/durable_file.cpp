// SPDX-License-Identifier: Apache-2.0
#include "convoy/train/durable_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "convoy/base/check.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporarySuffix = ".tmp";

// A call that a signal interrupts is made again.
template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

[[noreturn]] void fail(std::string_view call, const fs::path& place) {
  throw SystemError(Fault::io, call, place.string(), errno);
}

FileDescriptor open_or_throw(const fs::path& file, int flags) {
  FileDescriptor descriptor(retry([&] { return ::open(file.c_str(), flags | O_CLOEXEC, 0666); }));
  if (!descriptor.is_open()) fail("open", file);
  return descriptor;
}

void write_all(const FileDescriptor& descriptor, const fs::path& file,
               std::span<const std::byte> bytes) {
  // Linux writes at most 2 GiB a call anyway.
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

// Removes a file at the end of the scope unless kept.
class Temporary {
 public:
  explicit Temporary(fs::path file) : file_(std::move(file)) {}
  ~Temporary() {
    if (!file_.empty()) ::unlink(file_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const fs::path& path() const { return file_; }
  void keep() { file_.clear(); }

 private:
  fs::path file_;
};

// `last` is done to the temporary before it is renamed.
template <class Last>
void write_and_rename(const fs::path& file, std::span<const std::span<const std::byte>> parts,
                      Last last) {
  Temporary temporary(
      fs::path(fmt::format("{}.{}{}", file.string(), ::getpid(), kTemporarySuffix)));
  FileDescriptor descriptor = open_or_throw(temporary.path(), O_WRONLY | O_CREAT | O_TRUNC);
  for (const auto& part : parts) write_all(descriptor, temporary.path(), part);
  last(descriptor, temporary.path());
  if (::rename(temporary.path().c_str(), file.c_str()) != 0) fail("rename", file);
  temporary.keep();
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
  // Not made again after EINTR: Linux has let go of the descriptor by then.
  const int result = ::close(std::exchange(fd_, -1));
  return result < 0 && errno != EINTR ? errno : 0;
}

void replace_file(const fs::path& file, std::span<const std::span<const std::byte>> parts) {
  write_and_rename(file, parts, sync_and_close);
  sync_folder(folder_of(file));
}

void replace_file(const fs::path& file, std::string_view text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  replace_file(file, std::span(&part, 1));
}

void replace_file_unsynced(const fs::path& file, std::string_view text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  write_and_rename(file, std::span(&part, 1), close_or_throw);
}

void append_to_file(const fs::path& file, std::string_view text) {
  FileDescriptor descriptor = open_or_throw(file, O_WRONLY | O_CREAT | O_APPEND);
  write_all(descriptor, file, std::as_bytes(std::span(text)));
  sync_and_close(descriptor, file);
}

void sync_folder(const fs::path& folder) {
  const FileDescriptor descriptor = open_or_throw(folder, O_RDONLY | O_DIRECTORY);
  // Some file systems have no such call for folders: they keep their names in order by themselves.
  if (retry([&] { return ::fsync(descriptor.get()); }) < 0 && errno != EINVAL) {
    fail("fsync", folder);
  }
}

bool is_temporary(const fs::path& file) {
  return file.extension() == kTemporarySuffix;
}

InputFile open_input(const fs::path& file, std::string_view what) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
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
  return {file, std::move(descriptor), static_cast<std::size_t>(facts.st_size)};
}

void read_at(const InputFile& file, std::size_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto got = retry([&] {
      return ::pread(file.descriptor.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (got < 0) fail("read", file.path);
    if (got == 0) {
      throw UserError(Fault::bad_data,
                      fmt::format("{} ends at byte {}", file.path.string(), offset),
                      "it became shorter while it was read", "read it while no program writes it");
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
  FileDescriptor descriptor = open_or_throw(file, O_RDWR | O_CREAT);
  if (retry([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) == 0) return descriptor;
  if (errno == EWOULDBLOCK) return std::nullopt;
  if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP) return descriptor;
  fail("flock", file);
}

}  // namespace convoy
