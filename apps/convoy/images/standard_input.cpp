// SPDX-License-Identifier: Apache-2.0
#include "images/standard_input.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "convoy/error.hpp"

namespace convoy::app {
namespace {

constexpr const char* kName = "standard input";

// Returns the bytes that came; none at the end.
std::size_t read_some(std::span<char> bytes) {
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw SystemError(Fault::io, "read", kName, errno);
  }
}

void write_all(int descriptor, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw SystemError(Fault::io, "copy", kName, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void copy(int descriptor) {
  std::array<char, std::size_t{64} * 1024> buffer{};
  std::uint64_t total = 0;
  while (const std::size_t count = read_some(buffer)) {
    total += count;
    if (total > kMostStandardInput)
      throw UserError(Fault::bad_data, fmt::format("cannot use {}", kName),
                      fmt::format("it has more than {} bytes", kMostStandardInput),
                      "save it in a file, and give the name of that file");
    write_all(descriptor, std::span(buffer).first(count));
  }
  if (::lseek(descriptor, 0, SEEK_SET) != 0) throw SystemError(Fault::io, "seek", kName, errno);
}

}  // namespace

StandardInputCopy::StandardInputCopy()
    : descriptor_(::memfd_create("convoy standard input", MFD_CLOEXEC)) {
  if (descriptor_ < 0) throw SystemError(Fault::io, "copy", kName, errno);
  try {
    copy(descriptor_);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

StandardInputCopy::~StandardInputCopy() {
  ::close(descriptor_);
}

std::filesystem::path StandardInputCopy::path() const {
  return fmt::format("/proc/self/fd/{}", descriptor_);
}

}  // namespace convoy::app
