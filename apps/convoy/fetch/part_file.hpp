// SPDX-License-Identifier: Apache-2.0
// A file that is being downloaded: NAME.part. An interrupted download leaves it behind, and the
// next one continues it. One process at a time holds it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/durable_file.hpp"

namespace convoy::app {

// All functions throw SystemError(io) if the disk fails or is full.
class PartFile {
 public:
  // Opens or creates the file; the destructor does not remove it. Throws UserError(unavailable) if
  // another process holds it, UserError(io) if another user created it.
  explicit PartFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  void append(std::span<const std::byte> bytes);
  void clear();
  void remove();
  // Syncs the file, then gives it its final name.
  void keep_as(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
  FileDescriptor part_;
  std::uint64_t size_ = 0;
};

}  // namespace convoy::app
