// SPDX-License-Identifier: Apache-2.0
// The machine that a study runs on, and the load from other programs.
#pragma once

#include "base/clock.hpp"
#include "study/record.hpp"

namespace convoy::study {

MachineRecord machine_record();

// The number of runnable processes, averaged over a minute by the system (/proc/loadavg); it
// includes our own earlier runs. 0 if the system does not report it.
double load_average();

// If other programs use more cores than this, a measurement is doubtful.
inline constexpr double kBusyCores = 0.3;

// The cores that other programs have kept busy since this object was made, by /proc/stat, which
// includes the time that a hypervisor took: all busy time except that of this process and of the
// processes that it started and that have ended.
class OtherLoad {
 public:
  OtherLoad();
  double busy_cores() const;

 private:
  double busy_ = 0, ours_ = 0;  // seconds
  Stopwatch clock_;
};
void sleep_for(double seconds);

}  // namespace convoy::study
