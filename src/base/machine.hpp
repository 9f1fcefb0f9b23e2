// SPDX-License-Identifier: Apache-2.0
// What this process may use of the machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convoy/compute.hpp"

namespace convoy {

class CoreSet;

// Like usable_cores(), with another mask than the calling thread's; an empty mask allows all cores.
int usable_cores(const CoreSet& mask);

// The numbers of the cores that the calling thread may run on, by affinity alone; empty where they
// are not known.
std::vector<int> affinity();

// The number of cores of the machine that are online.
int online_cores();

// The number of cores that Slurm gave to each task (SLURM_CPUS_PER_TASK). Slurm may not have bound
// the task to them (TaskPlugin=task/none). 0 where the variable is not set, or is not a whole
// number from 1 on.
int slurm_cpus_per_task();

struct MachineFacts {
  std::string cpu;  // "AMD EPYC 9355"
  int cores = 0;    // number of cores online
  int usable_cores = 0;
  std::uint64_t memory_bytes = 0;
  std::string system;    // kernel name, release and architecture
  std::string compiler;  // the compiler that built the library
};
MachineFacts machine_facts();

// The largest resident memory that this process has had, in bytes.
std::uint64_t peak_memory_bytes();

}  // namespace convoy
