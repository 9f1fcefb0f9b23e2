// SPDX-License-Identifier: Apache-2.0
// Memory that several processes of one host map. It has no name in a file system: the process that
// makes it (memfd_create) tells the others which path in /proc to open. So it vanishes with its
// last user, and the size of /dev/shm, 64 MB in many containers, does not matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/tensor.hpp"

namespace convoy {

// What another process needs to map the block. Trivially copyable: it travels in a message.
struct SharedMemoryName {
  std::int32_t pid = 0;
  std::int32_t descriptor = -1;
  std::uint64_t bytes = 0;
  std::uint64_t token = 0;  // the block must hold it; detects a pid of another PID namespace
};

class SharedMemory {
 public:
  // Makes a zeroed block. All of its memory is reserved now, so that a later write can't fail.
  // Throws SystemError(io).
  static SharedMemory create(Index bytes);
  // Maps a block. Returns no value where that is impossible: the block belongs to another host,
  // another PID namespace or another user.
  static std::optional<SharedMemory> open(const SharedMemoryName& name);

  // Valid as long as the process that made the block holds its bytes.
  const SharedMemoryName& name() const { return name_; }
  // Aligned to a page; mapped as long as a pointer to it exists.
  const std::shared_ptr<std::byte[]>& bytes() const { return bytes_; }

 private:
  SharedMemory(std::shared_ptr<std::byte[]> bytes, const SharedMemoryName& name)
      : bytes_(std::move(bytes)), name_(name) {}

  std::shared_ptr<std::byte[]> bytes_;
  SharedMemoryName name_;
};

}  // namespace convoy
