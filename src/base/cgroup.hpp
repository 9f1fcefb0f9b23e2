// SPDX-License-Identifier: Apache-2.0
// What Linux control groups (versions 1 and 2) allow this process, and how many processes the
// kernel has killed for lack of memory. Tests set `root`, which is prepended to /proc and /sys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace convoy {

// The smallest CPU quota between the process's group and the root group, in cores (1.5 is one and a
// half cores); empty where no quota is set or can be read.
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root = "/");

// The smallest memory limit between those groups, in bytes, without swap; empty where no limit is
// set.
std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root = "/");

// How many processes of this process's group the kernel has killed because memory ran out. Where
// the group has no such counter, the count is that of the whole machine; it is empty where that has
// none either.
std::optional<std::uint64_t> out_of_memory_kills(const std::filesystem::path& root = "/");

}  // namespace convoy
