// SPDX-License-Identifier: Apache-2.0
#include "base/memory.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/cgroup.hpp"
#include "base/check.hpp"

namespace convoy {

MemoryHeld memory_held() {
  MemoryHeld held;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {  // "RssAnon:      1234 kB"
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    if (name == "RssAnon") held.own = std::atoll(line.c_str() + colon + 1) * 1024;
    if (name == "RssShmem") held.shared = std::atoll(line.c_str() + colon + 1) * 1024;
  }
  return held;
}

void check_room(std::uint64_t bytes, std::string_view what) {
  const auto limit = cgroup_memory_limit();
  if (!limit) return;
  const MemoryHeld held = memory_held();
  const auto holds = static_cast<std::uint64_t>(held.own + held.shared);
  if (bytes <= *limit && holds <= *limit - bytes) return;
  throw UserError(
      Fault::unavailable,
      fmt::format("{} need {} of memory, and the control group may use {}", what,
                  memory_in_words(static_cast<Index>(bytes)),
                  memory_in_words(static_cast<Index>(*limit))),
      fmt::format("this process holds {} already", memory_in_words(static_cast<Index>(holds))),
      "ask for more memory, or use a smaller data set");
}

std::string memory_in_words(Index bytes) {
  const double megabytes = static_cast<double>(bytes) * 1e-6;
  return megabytes < 1000 ? fmt::format("{:.0f} MB", megabytes)
                          : fmt::format("{:.1f} GB", megabytes * 1e-3);
}

}  // namespace convoy
