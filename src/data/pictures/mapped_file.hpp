// SPDX-License-Identifier: Apache-2.0
// Files that are mapped into memory for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/durable_file.hpp"

namespace convoy {

// The first `bytes` bytes of a file, read-only and shared with all other processes that map it. The
// mapping outlives `descriptor`, and ends with the last copy of the pointer. Neither counts as
// memory of the process that the kernel cannot take back (RLIMIT_DATA, RssAnon).
//
// Reading a page that the file no longer has, or that its disk cannot give, raises SIGBUS; so map
// only files that no program shortens, which have at least `bytes` bytes. `file` is for messages.
// Throws SystemError(io).
std::shared_ptr<const std::uint8_t> map_file(const FileDescriptor& descriptor, std::size_t bytes,
                                             const std::filesystem::path& file);

// Where another process of the same user opens the file of a mapping, as long as this process has
// the mapping, whatever became of the file's name; and how many bytes are mapped.
struct MappedPlace {
  std::filesystem::path file;  // /proc/PID/fd/NUMBER
  std::size_t bytes = 0;
};

// Of the pointer that map_file() returned or a copy of it; nothing for any other pointer.
std::optional<MappedPlace> mapped_place(const std::shared_ptr<const void>& mapping);

}  // namespace convoy
