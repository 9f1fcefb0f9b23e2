// SPDX-License-Identifier: Apache-2.0
#include "parallel/liveness_table.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/check.hpp"

namespace convoy {
namespace {

// Atomics that use a lock do not work between processes.
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

std::shared_ptr<std::byte[]> map(int descriptor, std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return nullptr;
  return {static_cast<std::byte*>(memory), [size](std::byte* p) { munmap(p, size); }};
}

// Reserves the space where the file system supports it; otherwise a full file system would cause a
// SIGBUS later. Returns 0 or an errno.
int make_room(int descriptor, off_t size) {
  if (ftruncate(descriptor, size) != 0) return errno;
  while (fallocate(descriptor, 0, 0, size) != 0) {
    if (errno == ENOSYS || errno == EOPNOTSUPP) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

LivenessTable::LivenessTable(std::shared_ptr<std::byte[]> memory, int ranks)
    : memory_(std::move(memory)),
      entries_(std::launder(reinterpret_cast<LivenessTableEntry*>(memory_.get()))),
      ranks_(ranks) {}

std::unique_ptr<LivenessTable> LivenessTable::open_file(const std::string& path, int ranks) {
  const Descriptor file{open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  struct stat status {};
  if (file.number < 0 || fstat(file.number, &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_size < bytes(ranks)) {
    return nullptr;
  }
  auto memory = map(file.number, static_cast<std::size_t>(bytes(ranks)));
  return memory ? std::make_unique<LivenessTable>(std::move(memory), ranks) : nullptr;
}

std::unique_ptr<LivenessTable> LivenessTable::create_file(const std::string& path, int ranks) {
  const Descriptor file{open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (file.number < 0) throw SystemError(Fault::io, "creating a liveness table", path, errno);
  int error = make_room(file.number, bytes(ranks));
  std::shared_ptr<std::byte[]> memory;
  if (error == 0) {
    memory = map(file.number, static_cast<std::size_t>(bytes(ranks)));
    error = errno;
  }
  if (!memory) {
    unlink(path.c_str());
    throw SystemError(Fault::io, "creating a liveness table", path, error);
  }
  return std::make_unique<LivenessTable>(std::move(memory), ranks);
}

void LivenessTable::set_reason(int rank, std::string_view reason) noexcept {
  LivenessTableEntry& entry = entries_[rank];
  if (entry.has_reason.load(std::memory_order_relaxed)) return;  // another rank may be reading it
  std::size_t size = std::min(reason.size(), entry.reason.size() - 1);
  // The text is not cut inside a character of several bytes.
  const auto is_inside = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  if (size < reason.size()) {
    while (size > 0 && is_inside(reason[size])) --size;
  }
  std::memcpy(entry.reason.data(), reason.data(), size);
  entry.reason[size] = '\0';
  entry.has_reason.store(1, std::memory_order_release);
}

std::string LivenessTable::reason(int rank) const {
  const LivenessTableEntry& entry = entries_[rank];
  if (!entry.has_reason.load(std::memory_order_acquire)) return {};
  return {entry.reason.data(), strnlen(entry.reason.data(), entry.reason.size())};
}

std::string describe(const LivenessTable& liveness_table, int rank) {
  const LivenessTableEntry& entry = liveness_table[rank];
  const auto activity = static_cast<Activity>(entry.activity.load(std::memory_order_acquire));
  if (entry.pid.load(std::memory_order_acquire) == 0) {
    return fmt::format("rank {} (not seen on this machine)", rank);
  }
  std::string text =
      fmt::format("rank {} (step {}, {})", rank, entry.step.load(), to_string(activity));
  if (activity == Activity::failed) {
    if (const std::string reason = liveness_table.reason(rank); !reason.empty())
      text += ": " + reason;
  } else if (entry.waiting.load(std::memory_order_acquire) && activity != Activity::left) {
    const std::int32_t waits_for = entry.waits_for.load(std::memory_order_relaxed);
    const auto sync_point =
        static_cast<SyncPoint>(entry.sync_point.load(std::memory_order_relaxed));
    text += fmt::format(" waits for {} in the {}",
                        waits_for < 0 ? "all" : fmt::format("rank {}", waits_for),
                        to_string(sync_point));
  }
  return text;
}

}  // namespace convoy
