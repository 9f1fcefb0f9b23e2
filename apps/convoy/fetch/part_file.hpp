// SPDX-License-Identifier: Apache-2.0
// A file on its way: NAME.part, which an interrupted download leaves behind and the next one goes
// on with. Only one process at a time has it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "train/durable_file.hpp"

namespace convoy::app {

// All of it throws SystemError(io) where the disk does not play along.
class PartFile {
 public:
  // Opens or makes it; what this does not remove stays. Throws UserError(unavailable) where another
  // process has it, UserError(io) where somebody else prepared it.
  explicit PartFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  void append(std::span<const std::byte> bytes);
  void clear();
  void remove();
  // To the disk, then to its real name.
  void keep_as(const std::filesystem::path& target);

 private:
  std::filesystem::path path_;
  FileDescriptor part_;
  std::uint64_t size_ = 0;
};

}  // namespace convoy::app
