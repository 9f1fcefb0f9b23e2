// SPDX-License-Identifier: Apache-2.0
// Memory that several processes of one machine map. It has no name in a file system: its maker
// (memfd_create) tells the others where in /proc to open it. So it vanishes with its last user, and
// the size of /dev/shm, 64 MB in many containers, does not matter.
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
  std::uint64_t token = 0;  // that the block must hold: another PID namespace is found out
};

class SharedMemory {
 public:
  // Zeroed; all of it is reserved now, so that a later write can't fail. Throws SystemError(io).
  static SharedMemory create(Index bytes);
  // Nothing where it can't be had: another machine, another PID namespace, another user.
  static std::optional<SharedMemory> open(const SharedMemoryName& name);

  // Good as long as the maker, or who holds its bytes in the maker's process, lives.
  const SharedMemoryName& name() const { return name_; }
  // On a page, mapped as long as anyone holds it.
  const std::shared_ptr<std::byte[]>& bytes() const { return bytes_; }

 private:
  SharedMemory(std::shared_ptr<std::byte[]> bytes, const SharedMemoryName& name)
      : bytes_(std::move(bytes)), name_(name) {}

  std::shared_ptr<std::byte[]> bytes_;
  SharedMemoryName name_;
};

}  // namespace convoy
