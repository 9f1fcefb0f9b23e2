// SPDX-License-Identifier: Apache-2.0
#include "convoy/base/cgroup.hpp"

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

// Where a hierarchy is mounted, and which of its groups is seen there (a container sees a subtree).
struct Mount {
  fs::path point;
  std::string top;
  bool unified = false;
};

// A line of mountinfo: id parent major:minor top point options [tags...] - type source options
std::vector<Mount> cpu_mounts(const fs::path& root) {
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
    if (!unified && !(type == "cgroup" && lists(options, "cpu"))) continue;
    mounts.push_back({root / fs::path(point).relative_path(), top, unified});
  }
  return mounts;
}

// The process's group in a hierarchy. A line of cgroup: id:controllers:path, version 2 as 0::path
std::optional<std::string> own_group(const fs::path& root, bool unified) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
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

// `group` as seen under the mount: without the part above the mounted subtree.
fs::path below_top(const std::string& group, const std::string& top) {
  if (top == "/") return fs::path(group).relative_path();
  if (!group.starts_with(top)) return {};
  if (group.size() > top.size() && group[top.size()] != '/') return {};
  return fs::path(group.substr(top.size())).relative_path();
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const fs::path& root) {
  std::optional<double> smallest;
  for (const Mount& mount : cpu_mounts(root)) {
    const auto group = own_group(root, mount.unified);
    if (!group) continue;
    for (fs::path below = below_top(*group, mount.top);; below = below.parent_path()) {
      if (const auto quota = quota_of(mount.point / below, mount.unified))
        smallest = std::min(smallest.value_or(*quota), *quota);
      if (below.empty()) break;
    }
  }
  return smallest;
}

}  // namespace convoy
