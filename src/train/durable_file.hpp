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

// A file in the making. It gets its name when it is whole, and not before; until then it is
// NAME.RANDOM.tmp beside its place, made exclusively (O_EXCL, O_NOFOLLOW): what others prepared
// there is never opened. A link under its name is replaced by keep(), never followed. Gone with
// this object unless kept. Not thread-safe.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path file);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void keep();         // whole after a kill; after a power failure perhaps an older one, or empty
  void keep_synced();  // whole after a power failure, too: syncs the file, then its folder

 private:
  void rename();

  std::filesystem::path file_, temporary_;  // `temporary_` is empty once it is renamed
  FileDescriptor descriptor_;
};

// Writes the parts, one after the other, as a NewFile that is kept synced. Where anything fails,
// `file` is what it was and the temporary is gone.
void replace_file(const std::filesystem::path& file,
                  std::span<const std::span<const std::byte>> parts);
void replace_file(const std::filesystem::path& file, std::string_view text);

// The same without syncing, which takes milliseconds. For what people look at and nothing reads
// back.
void replace_file_unsynced(const std::filesystem::path& file, std::string_view text);

// The same where no new file can be made, because the disk is full: writes over the bytes that are
// there, whose room is taken already. A kill in the middle leaves half of it. Not of a file that is
// not there.
void overwrite_file(const std::filesystem::path& file, std::string_view text);

// Adds `text` at the end and syncs; a file that this makes stays after a power failure.
void append_to_file(const std::filesystem::path& file, std::string_view text);

// Syncs what a folder holds: names made, renamed or removed in it.
void sync_folder(const std::filesystem::path& folder);

// 64 random bits as 16 hexadecimal digits: a name that others cannot prepare.
std::string random_name();
bool is_random_name(std::string_view text);

// `folder` itself and the folders above it, where they are missing.
void make_folders(const std::filesystem::path& folder);

// The names of NewFiles that are not yet kept; what a killed process leaves behind.
bool is_temporary(const std::filesystem::path& file);
// Removes them from a folder. For the one process that may write there.
void remove_temporaries(const std::filesystem::path& folder);

// A regular file, open for reading, with the size it has now; or bytes that stand for one.
struct InputFile {
  std::filesystem::path path;  // for messages
  FileDescriptor descriptor;
  std::size_t size = 0;
  const std::byte* memory = nullptr;  // of `size` bytes; null: the descriptor is open
};

// Throws UserError(not_found) where there is none, UserError(bad_data) where it is no regular file.
// `what` names its kind in messages: "checkpoint".
InputFile open_input(const std::filesystem::path& file, std::string_view what);
// Fills `bytes` from `offset` on. Throws UserError(bad_data) where the file has meanwhile shrunk.
void read_at(const InputFile& file, std::size_t offset, std::span<std::byte> bytes);
std::string read_text(const std::filesystem::path& file, std::string_view what);

// Held by one process at a time; the kernel gives it back when its holder ends, however it ends.
// Empty where another holds it. On a file system that has no locks it is held without effect. The
// file is made where it is missing.
std::optional<FileDescriptor> try_lock(const std::filesystem::path& file);
// The same, but empty, too, where the file system has no locks.
std::optional<FileDescriptor> try_effective_lock(const std::filesystem::path& file);
// Held on a folder itself, so that no file is made: what is read and written meanwhile belongs
// together. Waits at most a second for another holder, which may be stopped, and is then not held.
FileDescriptor lock_folder(const std::filesystem::path& folder) noexcept;
// Another process holds it just now. False where that can't be known.
bool is_locked(const std::filesystem::path& file) noexcept;

}  // namespace convoy
