// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/machine.hpp"

#include <time.h>

#include <cmath>
#include <fstream>
#include <string>

#include "convoy/comm/communicator.hpp"
#include "convoy/engine/team.hpp"

namespace convoy::study {
namespace {

struct CpuTimes {
  double busy = 0, all = 0;  // in ticks, of all cores
};

// The line "cpu user nice system idle iowait irq softirq steal ..." of /proc/stat.
CpuTimes cpu_times() {
  std::ifstream file("/proc/stat");
  std::string name;
  file >> name;
  CpuTimes times;
  constexpr int kIdle = 3, kWaiting = 4, kFields = 8;  // those behind are parts of the others
  double ticks = 0;
  for (int field = 0; field < kFields && file >> ticks; ++field) {
    times.all += ticks;
    if (field != kIdle && field != kWaiting) times.busy += ticks;
  }
  return times;
}

void sleep_for(double seconds) {
  const double whole = std::floor(seconds);
  timespec rest{static_cast<time_t>(whole), static_cast<long>((seconds - whole) * 1e9)};
  while (nanosleep(&rest, &rest) != 0) {
  }
}

}  // namespace

MachineRecord machine_record() {
  return {machine_facts(), mpi_library(), threads_library()};
}

Load look_at_load(double seconds) {
  Load load;
  std::ifstream("/proc/loadavg") >> load.average;
  const CpuTimes before = cpu_times();
  sleep_for(seconds);
  const CpuTimes after = cpu_times();
  if (after.all > before.all) {
    load.busy_cores = (after.busy - before.busy) / (after.all - before.all) * machine_facts().cores;
  }
  return load;
}

}  // namespace convoy::study
