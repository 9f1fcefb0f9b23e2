// SPDX-License-Identifier: Apache-2.0
// Files that survive a kill or a power failure: whole or absent, never half. Every failed call
// becomes a SystemError(io) that names it and the file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// Owns an open file.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int close();  // 0 or errno

 private:
  int fd_ = -1;
};

// Writes the parts, one after the other, to FILE.PID.tmp in the same folder, syncs it, renames it
// over `file`, and syncs the folder. Where anything fails, `file` is what it was and the temporary
// is gone.
void replace_file(const std::filesystem::path& file,
                  std::span<const std::span<const std::byte>> parts);
void replace_file(const std::filesystem::path& file, std::string_view text);

// The same without syncing, which takes milliseconds: whole after a kill, but after a power failure
// perhaps an older one, or empty. For what people look at and nothing reads back.
void replace_file_unsynced(const std::filesystem::path& file, std::string_view text);

// Adds `text` at the end and syncs.
void append_to_file(const std::filesystem::path& file, std::string_view text);

// Syncs what a folder holds: names made, renamed or removed in it.
void sync_folder(const std::filesystem::path& folder);

// The names written by replace_file() before it renames them; what a killed process leaves behind.
bool is_temporary(const std::filesystem::path& file);

// A regular file, open for reading, with the size it has now.
struct InputFile {
  std::filesystem::path path;
  FileDescriptor descriptor;
  std::size_t size = 0;
};

// Throws UserError(not_found) where there is none, UserError(bad_data) where it is no regular file.
// `what` names its kind in messages: "checkpoint".
InputFile open_input(const std::filesystem::path& file, std::string_view what);
// Fills `bytes` from `offset` on. Throws UserError(bad_data) where the file has meanwhile shrunk.
void read_at(const InputFile& file, std::size_t offset, std::span<std::byte> bytes);
std::string read_text(const std::filesystem::path& file, std::string_view what);

// Held by one process at a time; the kernel gives it back when its holder ends, however it ends.
// Empty where another holds it. On a file system that has no locks it is held without effect.
std::optional<FileDescriptor> try_lock(const std::filesystem::path& file);

}  // namespace convoy
