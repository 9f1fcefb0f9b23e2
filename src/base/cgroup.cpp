// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {
namespace {

namespace fs = std::filesystem;

bool lists(std::string_view comma_separated, std::string_view word) {
  while (!comma_separated.empty()) {
    const auto comma = comma_separated.find(',');
    if (comma_separated.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) break;
    comma_separated.remove_prefix(comma + 1);
  }
  return false;
}

// Where a hierarchy is mounted, and which of its groups that place shows (a container sees a
// subtree).
struct Mount {
  fs::path point;
  std::string top;
  bool unified = false;
};

// The places where the groups of a controller ("cpu", "memory") may be seen; version 2 is always
// among them.
// A line of mountinfo: id parent major:minor top point options [tags...] - type source options
std::vector<Mount> mounts_of(std::string_view controller, const fs::path& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream head(line.substr(0, dash)), tail(line.substr(dash + 3));
    std::string id, parent, device, top, point, type, source, options;
    head >> id >> parent >> device >> top >> point;
    tail >> type >> source >> options;
    const bool unified = type == "cgroup2";
    if (!unified && !(type == "cgroup" && lists(options, controller))) continue;
    mounts.push_back({root / fs::path(point).relative_path(), top, unified});
  }
  return mounts;
}

// The process's group in a hierarchy. A line of cgroup is id:controllers:path; version 2 is
// 0::path.
std::optional<std::string> own_group(std::string_view controller, const fs::path& root,
                                     bool unified) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : lists(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<double> cores(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return std::nullopt;
  return quota / period;
}

std::optional<double> quota_of(const fs::path& group, bool unified) {
  double quota = -1, period = 0;
  if (unified) {
    std::ifstream(group / "cpu.max") >> quota >> period;  // "max 100000" leaves quota at 0
  } else {
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;  // -1: none
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  }
  return cores(quota, period);
}

// The path of `group` below the mount, without the part above the mounted subtree.
fs::path below_top(const std::string& group, const std::string& top) {
  if (top == "/") return fs::path(group).relative_path();
  if (!group.starts_with(top)) return {};
  if (group.size() > top.size() && group[top.size()] != '/') return {};
  return fs::path(group.substr(top.size())).relative_path();
}

// Calls look(group, unified) for the process's group in each hierarchy of the controller, then for
// each group above it up to the root.
template <class Look>
void look_upwards(std::string_view controller, const fs::path& root, const Look& look) {
  for (const Mount& mount : mounts_of(controller, root)) {
    const auto group = own_group(controller, root, mount.unified);
    if (!group) continue;
    for (fs::path below = below_top(*group, mount.top);; below = below.parent_path()) {
      look(mount.point / below, mount.unified);
      if (below.empty()) break;
    }
  }
}

std::optional<std::uint64_t> memory_limit_of(const fs::path& group, bool unified) {
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;  // version 1 has a number for "none"
  std::uint64_t bytes = 0;
  std::ifstream file(group / (unified ? "memory.max" : "memory.limit_in_bytes"));
  if (!(file >> bytes) || bytes == 0 || bytes >= kNone) return std::nullopt;  // "max" is no number
  return bytes;
}

// The number after `name` in a file of such lines.
std::optional<std::uint64_t> count_in(const fs::path& path, std::string_view name) {
  std::ifstream file(path);
  std::string word;
  for (std::uint64_t count = 0; file >> word >> count;) {
    if (word == name) return count;
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const fs::path& root) {
  std::optional<double> smallest;
  look_upwards("cpu", root, [&](const fs::path& group, bool unified) {
    if (const auto quota = quota_of(group, unified)) {
      smallest = std::min(smallest.value_or(*quota), *quota);
    }
  });
  return smallest;
}

std::optional<std::uint64_t> cgroup_memory_limit(const fs::path& root) {
  std::optional<std::uint64_t> smallest;
  look_upwards("memory", root, [&](const fs::path& group, bool unified) {
    if (const auto limit = memory_limit_of(group, unified)) {
      smallest = std::min(smallest.value_or(*limit), *limit);
    }
  });
  return smallest;
}

std::optional<std::uint64_t> out_of_memory_kills(const fs::path& root) {
  // A kill is counted in the group of the killed process (in version 2 also in the groups above
  // it).
  std::optional<std::uint64_t> kills;
  look_upwards("memory", root, [&](const fs::path& group, bool unified) {
    if (!kills)
      kills = count_in(group / (unified ? "memory.events" : "memory.oom_control"), "oom_kill");
  });
  return kills ? kills : count_in(root / "proc/vmstat", "oom_kill");
}

}  // namespace convoy
