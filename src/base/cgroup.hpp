// SPDX-License-Identifier: Apache-2.0
// What Linux control groups (versions 1 and 2) allow this process, and what they did to its kind.
// `root` stands before /proc and /sys (tests).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace convoy {

// The smallest quota on the way from the process's group up to the root, in cores (1.5: one and a
// half); empty where none is set or none can be read.
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root = "/");

// The smallest memory limit on that way, in bytes, swap not counted; empty where there is none.
std::optional<std::uint64_t> cgroup_memory_limit(const std::filesystem::path& root = "/");

// How many processes of this process's group the kernel has killed because memory ran out; of the
// whole machine where no group tells. Empty where nothing does.
std::optional<std::uint64_t> out_of_memory_kills(const std::filesystem::path& root = "/");

}  // namespace convoy
