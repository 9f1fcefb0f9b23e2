// SPDX-License-Identifier: Apache-2.0
#include "study/machine.hpp"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "base/cgroup.hpp"
#include "parallel/communicator.hpp"
#include "runtime/cpu/workers.hpp"

namespace convoy::study {
namespace {

// Seconds for which cores were not idle, summed over all cores: from the line "cpu user nice system
// idle iowait irq softirq steal ..." of /proc/stat.
double busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string name;
  file >> name;
  constexpr int kIdle = 3, kWaiting = 4, kFields = 8;  // later fields are parts of earlier ones
  double busy = 0, ticks = 0;
  for (int field = 0; field < kFields && file >> ticks; ++field) {
    if (field != kIdle && field != kWaiting) busy += ticks;
  }
  return busy / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// CPU seconds of this process and of its descendants that have ended and were waited for.
double own_seconds() {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  double sum = 0;
  for (const auto whose : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(whose, &usage);
    sum += seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  return sum;
}

}  // namespace

MachineRecord machine_record() {
  return {machine_facts(), cgroup_cpu_quota(), mpi_library(), threads_library()};
}

double load_average() {
  double average = 0;
  std::ifstream("/proc/loadavg") >> average;
  return average;
}

OtherLoad::OtherLoad() : busy_(busy_seconds()), ours_(own_seconds()) {}

double OtherLoad::busy_cores() const {
  const double others = (busy_seconds() - busy_) - (own_seconds() - ours_);
  return std::max(0.0, others / clock_.seconds());
}

void sleep_for(double seconds) {
  const double whole = std::floor(seconds);
  timespec rest{static_cast<time_t>(whole), static_cast<long>((seconds - whole) * 1e9)};
  while (nanosleep(&rest, &rest) != 0) {
  }
}

}  // namespace convoy::study
