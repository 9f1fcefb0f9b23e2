// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/mapped_file.hpp"

#include <sys/mman.h>

#include <cerrno>

#include "base/check.hpp"

namespace convoy {

std::shared_ptr<const std::uint8_t> map_file(const FileDescriptor& descriptor, std::size_t bytes,
                                             const std::filesystem::path& file) {
  void* const start = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (start == MAP_FAILED) throw SystemError(Fault::io, "mmap", file.string(), errno);
  // The pages of a batch lie anywhere. A hint that is refused changes nothing.
  ::madvise(start, bytes, MADV_WILLNEED);
  const auto unmap = [bytes](const std::uint8_t* p) {
    ::munmap(const_cast<std::uint8_t*>(p), bytes);
  };
  return {static_cast<const std::uint8_t*>(start), unmap};
}

}  // namespace convoy
