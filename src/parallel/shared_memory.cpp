// SPDX-License-Identifier: Apache-2.0
#include "parallel/shared_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/check.hpp"

namespace convoy {
namespace {

static_assert(std::is_trivially_copyable_v<SharedMemoryName>);

constexpr const char* kTitle = "convoy";
constexpr std::string_view kLinkBegin = "/memfd:convoy";

// The token has a page of its own, before the bytes.
std::size_t page() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// A descriptor and its mapping. Other processes open the descriptor, so it stays open as long as a
// pointer to the bytes exists.
struct Mapping {
  int descriptor = -1;
  void* memory = MAP_FAILED;
  std::size_t size = 0;

  explicit Mapping(int opened) : descriptor(opened) {}
  ~Mapping() {
    if (memory != MAP_FAILED) munmap(memory, size);
    if (descriptor >= 0) close(descriptor);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool map(std::size_t bytes) {
    size = page() + bytes;
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory != MAP_FAILED;
  }
  std::byte* bytes() const { return static_cast<std::byte*>(memory) + page(); }
};

std::shared_ptr<std::byte[]> bytes_of(const std::shared_ptr<Mapping>& mapping) {
  return {mapping, mapping->bytes()};
}

// Returns 0 or an errno. Without the reservation, the first write to a page that the system lacks
// would raise SIGBUS.
int reserve(int descriptor, off_t size) {
  while (fallocate(descriptor, 0, 0, size) != 0) {
    if (errno == ENOSYS || errno == EOPNOTSUPP) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

std::uint64_t random_token() {
  std::uint64_t token = 0;
  while (getrandom(&token, sizeof token, 0) < 0 && errno == EINTR) {
  }
  return token;
}

// Opens only a block that create() made: opening a FIFO could block, and a device could change.
int open_block(const SharedMemoryName& name, std::size_t size) {
  const std::string link = fmt::format("/proc/{}/fd/{}", name.pid, name.descriptor);
  std::array<char, 64> target{};
  const ssize_t length = readlink(link.c_str(), target.data(), target.size());
  if (length < 0 ||
      !std::string_view(target.data(), static_cast<std::size_t>(length)).starts_with(kLinkBegin)) {
    return -1;
  }
  const int descriptor = open(link.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  if (descriptor >= 0 && (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
                          static_cast<std::size_t>(status.st_size) != size)) {
    close(descriptor);
    return -1;
  }
  return descriptor;
}

}  // namespace

SharedMemory SharedMemory::create(Index bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  const auto check = [&](bool ok, const char* call, int error) {
    if (ok) return;
    // With ENOMEM the machine has too little memory; any other error is a failed call.
    throw SystemError(error == ENOMEM ? Fault::unavailable : Fault::io, call,
                      fmt::format("{} MB of shared memory", (bytes >> 20) + 1), error);
  };
  // A request to reserve more than the machine has starts the kernel's out-of-memory killer.
  struct sysinfo machine {};
  const bool known = sysinfo(&machine) == 0;
  check(bytes >= 0 && (!known || size / machine.mem_unit < machine.totalram), "memfd_create",
        ENOMEM);
  const auto mapping = std::make_shared<Mapping>(memfd_create(kTitle, MFD_CLOEXEC));
  check(mapping->descriptor >= 0, "memfd_create", errno);
  const auto whole = static_cast<off_t>(page() + size);
  // Each call is a statement of its own, since the arguments of check() are evaluated in any order.
  const bool sized = ftruncate(mapping->descriptor, whole) == 0;
  check(sized, "ftruncate", errno);
  const int error = reserve(mapping->descriptor, whole);
  check(error == 0, "fallocate", error);
  const bool mapped = mapping->map(size);
  check(mapped, "mmap", errno);
  const SharedMemoryName name{getpid(), mapping->descriptor, size, random_token()};
  std::memcpy(mapping->memory, &name.token, sizeof name.token);
  return {bytes_of(mapping), name};
}

std::optional<SharedMemory> SharedMemory::open(const SharedMemoryName& name) {
  if (name.pid <= 0 || name.descriptor < 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(name.bytes);
  const int descriptor = open_block(name, page() + size);
  if (descriptor < 0) return std::nullopt;
  const auto mapping = std::make_shared<Mapping>(descriptor);
  if (!mapping->map(size)) return std::nullopt;
  std::uint64_t token = 0;
  std::memcpy(&token, mapping->memory, sizeof token);
  if (token != name.token) return std::nullopt;
  // Other processes open the maker's descriptor; this one is not needed any more.
  close(mapping->descriptor);
  mapping->descriptor = -1;
  return SharedMemory(bytes_of(mapping), name);
}

}  // namespace convoy
