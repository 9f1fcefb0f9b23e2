// SPDX-License-Identifier: Apache-2.0
// The CPU quota that Linux control groups (versions 1 and 2) put on this process.
#pragma once

#include <filesystem>
#include <optional>

namespace convoy {

// The smallest quota on the way from the process's group up to the root, in cores (1.5: one and a
// half); empty where none is set or none can be read. `root` stands before /proc and /sys (tests).
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root = "/");

}  // namespace convoy
