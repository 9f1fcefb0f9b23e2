// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/mapped_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.hpp"

namespace convoy {
namespace {

// Ends a mapping. It keeps the file open, so that other processes find it.
struct Unmap {
  std::shared_ptr<const FileDescriptor> descriptor;
  std::size_t bytes;

  void operator()(const std::uint8_t* start) const {
    ::munmap(const_cast<std::uint8_t*>(start), bytes);
  }
};

}  // namespace

std::shared_ptr<const std::uint8_t> map_file(const FileDescriptor& descriptor, std::size_t bytes,
                                             const std::filesystem::path& file) {
  auto copy = std::make_shared<const FileDescriptor>(
      FileDescriptor(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0)));
  if (!copy->is_open()) throw SystemError(Fault::io, "fcntl", file.string(), errno);
  void* const start = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (start == MAP_FAILED) throw SystemError(Fault::io, "mmap", file.string(), errno);
  // Where memory is short the hint has no effect.
  ::madvise(start, bytes, MADV_WILLNEED);
  return {static_cast<const std::uint8_t*>(start), Unmap{std::move(copy), bytes}};
}

std::optional<MappedPlace> mapped_place(const std::shared_ptr<const void>& mapping) {
  const auto* unmap = std::get_deleter<Unmap>(mapping);
  if (unmap == nullptr) return std::nullopt;
  return MappedPlace{fmt::format("/proc/{}/fd/{}", ::getpid(), unmap->descriptor->get()),
                     unmap->bytes};
}

}  // namespace convoy
