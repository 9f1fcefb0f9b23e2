// SPDX-License-Identifier: Apache-2.0
// The machine that a study runs on, and what else it does meanwhile.
#pragma once

#include "convoy/study/record.hpp"

namespace convoy::study {

MachineRecord machine_record();

struct Load {
  double average = 0;     // runnable processes, averaged over a minute: our own runs are in it
  double busy_cores = 0;  // that were not idle while this looked, by whomever (a hypervisor, too)
};
// Looks for `seconds`, in which this process does nothing. Zeros where the system does not say
// (/proc/loadavg, /proc/stat).
Load look_at_load(double seconds);

}  // namespace convoy::study
