// SPDX-License-Identifier: Apache-2.0
#include "base/machine.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/cgroup.hpp"
#include "base/core_set.hpp"

namespace convoy {
namespace {

// The text after "name   : " in a file of such lines; empty where there is none.
std::string field(const char* file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, name.size(), name) != 0) continue;
    if (line.find_first_not_of(" \t", name.size()) != colon) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
  return "unknown";
#endif
}

}  // namespace

int online_cores() {
  return static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::vector<int> affinity() {
  return CoreSet::of_this_thread().numbers();
}

int usable_cores(const CoreSet& mask) {
  const int by_mask = mask.count() > 0 ? mask.count() : online_cores();
  const auto quota = cgroup_cpu_quota();
  if (!quota || *quota >= by_mask) return by_mask;
  return std::max(1, static_cast<int>(std::ceil(*quota)));
}

int usable_cores() {
  return usable_cores(CoreSet::of_this_thread());
}

MachineFacts machine_facts() {
  MachineFacts facts;
  utsname kernel{};
  if (::uname(&kernel) == 0)
    facts.system = fmt::format("{} {} {}", kernel.sysname, kernel.release, kernel.machine);
  facts.cpu = field("/proc/cpuinfo", "model name");
  if (facts.cpu.empty()) facts.cpu = field("/proc/cpuinfo", "Model");  // some ARM boards
  if (facts.cpu.empty()) facts.cpu = kernel.machine;
  facts.cores = online_cores();
  facts.usable_cores = usable_cores();
  const long pages = ::sysconf(_SC_PHYS_PAGES), page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0)
    facts.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  facts.compiler = compiler();
  return facts;
}

int slurm_cpus_per_task() {
  const char* variable = std::getenv("SLURM_CPUS_PER_TASK");
  const std::string_view text = variable ? variable : "";
  int cores = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), cores);
  return error == std::errc{} && stop == text.data() + text.size() ? std::max(cores, 0) : 0;
}

std::uint64_t peak_memory_bytes() {
  // VmHWM counts this program alone; ru_maxrss would also count the process that forked it, before
  // exec.
  const std::string high_water = field("/proc/self/status", "VmHWM");
  if (!high_water.empty()) return std::strtoull(high_water.c_str(), nullptr, 10) * 1024;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace convoy
