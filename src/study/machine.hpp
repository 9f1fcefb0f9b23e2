// SPDX-License-Identifier: Apache-2.0
// The machine that a study runs on, and what else it does meanwhile.
#pragma once

#include "base/clock.hpp"
#include "study/record.hpp"

namespace convoy::study {

MachineRecord machine_record();

// Runnable processes, averaged over a minute by the system: runs of our own before are in it. 0
// where it does not say (/proc/loadavg).
double load_average();

// More than so many cores that other programs use make a measurement doubtful.
inline constexpr double kBusyCores = 0.3;

// Cores that others kept from idling since this was made, by /proc/stat (what a hypervisor took is
// in it): all of them but those of this process, and of those that it started and that have ended
// since.
class Others {
 public:
  Others();
  double busy_cores() const;

 private:
  double busy_ = 0, ours_ = 0;  // seconds
  Stopwatch clock_;
};
void sleep_for(double seconds);

}  // namespace convoy::study
