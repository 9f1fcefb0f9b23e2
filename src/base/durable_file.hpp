// SPDX-License-Identifier: Apache-2.0
// Files that survive a kill or a power failure: complete or absent, never partial. Every failed
// call becomes a SystemError(io) that names the call and the file.
#pragma once

#include <cstddef>
#include <cstdint>
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

// A file that is being written. It gets its name when it is complete, and not before; until then it
// is NAME.RANDOM.tmp in the same folder, created exclusively (O_EXCL, O_NOFOLLOW), so that a file
// that another user placed there is never opened. keep() replaces a link of its name and does not
// follow it. Unless kept, the file is removed with this object. Not thread-safe.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path file);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes);
  // Overwrites from `offset` on; write() goes on where it was.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Allocates the space of the first `bytes` bytes, so that writing them cannot fill the disk.
  void reserve(std::uint64_t bytes);
  void cut(std::uint64_t bytes);  // makes it as long as that
  void make_read_only();          // for all users; those without permission to read get none
  void sync();                    // what is written so far
  void lock();  // as try_lock() does: is_locked() tells others that it is still being written
  // Open for reading and writing, until it is kept.
  const FileDescriptor& descriptor() const { return descriptor_; }

  void keep();  // complete after a kill; after a power failure perhaps an older one, or empty
  void keep_synced();  // complete after a power failure, too: syncs the file, then its folder

 private:
  void rename();

  std::filesystem::path file_, temporary_;  // `temporary_` is empty once it is renamed
  FileDescriptor descriptor_;
};

// Writes the parts, one after the other, as a NewFile that is kept synced. If anything fails,
// `file` is unchanged and the temporary file is removed.
void replace_file(const std::filesystem::path& file,
                  std::span<const std::span<const std::byte>> parts);
void replace_file(const std::filesystem::path& file, std::string_view text);

// The same without syncing, which takes milliseconds. For files that people look at and Convoy does
// not read again.
void replace_file_unsynced(const std::filesystem::path& file, std::string_view text);

// For a full disk, where no new file can be made: overwrites the bytes of `file`, whose space is
// already allocated. A kill during the call leaves a partial file. `file` must exist.
void overwrite_file(const std::filesystem::path& file, std::string_view text);

// Adds `text` at the end and syncs. If it creates the file, the file's name is synced, too.
void append_to_file(const std::filesystem::path& file, std::string_view text);

// Syncs a folder's entries: names that were created, renamed or removed in it.
void sync_folder(const std::filesystem::path& folder);

// 64 random bits as 16 hexadecimal digits: a name that other users cannot predict.
std::string random_name();
bool is_random_name(std::string_view text);

// Makes `folder` and the folders above it, if they do not exist.
void make_folders(const std::filesystem::path& folder);

// Whether the name is that of a NewFile that was not kept; killed processes leave such files.
bool is_temporary(const std::filesystem::path& file);
// Removes such files from a folder. Only the one process that may write there calls it.
void remove_temporaries(const std::filesystem::path& folder);

// A regular file that is open for reading, with its current size; or bytes in memory in its place.
struct InputFile {
  std::filesystem::path path;  // for messages
  FileDescriptor descriptor;
  std::size_t size = 0;
  const std::byte* memory = nullptr;  // of `size` bytes; null: the descriptor is open
};

// Throws UserError(not_found) if the file does not exist, UserError(bad_data) if it is not a
// regular file. `what` names its kind in messages: "checkpoint".
InputFile open_input(const std::filesystem::path& file, std::string_view what);
// Fills `bytes` from `offset` on. Throws UserError(bad_data) if the file has shrunk meanwhile.
void read_at(const InputFile& file, std::size_t offset, std::span<std::byte> bytes);
std::string read_text(const std::filesystem::path& file, std::string_view what);

// Takes a lock that one process holds at a time; the kernel releases it when that process ends.
// Returns nothing if another process holds it. On a file system without locks it returns a
// descriptor without a lock. The file is created if it does not exist.
std::optional<FileDescriptor> try_lock(const std::filesystem::path& file);
// The same, but returns nothing on a file system without locks.
std::optional<FileDescriptor> try_effective_lock(const std::filesystem::path& file);
// Locks the folder itself, without making a file, so that several reads and writes belong together.
// Waits at most a second for another holder, which may be stopped, and then returns without the
// lock, as it does on a file system without locks; where the folder cannot be opened, the
// descriptor is not open. Two descriptors of one process exclude each other, too, so calls must not
// be nested.
FileDescriptor lock_folder(const std::filesystem::path& folder) noexcept;
// Whether another process holds the lock now; false if that cannot be determined.
bool is_locked(const std::filesystem::path& file) noexcept;

}  // namespace convoy
