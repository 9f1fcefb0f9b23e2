// SPDX-License-Identifier: Apache-2.0
// Which content a file has, as far as its facts tell without reading it.
#pragma once

#include <sys/stat.h>

#include <cstdint>

namespace convoy {

// Programs may give a file any size and time of modification (tar, touch -r), but not the time of
// its change: the kernel sets that one with every write, rename, link and change of a permission.
struct FileVersion {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;  // since 1970
  std::int64_t changed_ns = 0;   // likewise
  std::uint64_t inode = 0;

  bool operator==(const FileVersion&) const = default;
};

inline FileVersion version_of(const struct stat& facts) {
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {static_cast<std::uint64_t>(facts.st_size), nanoseconds(facts.st_mtim),
          nanoseconds(facts.st_ctim), std::uint64_t{facts.st_ino}};
}

}  // namespace convoy
