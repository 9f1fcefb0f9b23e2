// SPDX-License-Identifier: Apache-2.0
// Files that are mapped into memory for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/durable_file.hpp"

namespace convoy {

// The first `bytes` bytes of a file, read-only and shared with all other processes that map it. The
// mapping outlives the descriptor, and ends with the last copy of the pointer. Neither counts as
// memory of the process that the kernel cannot take back (RLIMIT_DATA, RssAnon).
//
// Reading a page that the file no longer has, or that its disk cannot give, raises SIGBUS; so map
// only files that nobody shortens, which have at least `bytes` bytes. `file` is for messages.
// Throws SystemError(io).
std::shared_ptr<const std::uint8_t> map_file(const FileDescriptor& descriptor, std::size_t bytes,
                                             const std::filesystem::path& file);

}  // namespace convoy
