// SPDX-License-Identifier: Apache-2.0
// What launchers tell the processes they start, by environment variables; works without MPI.
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "convoy/comm/communicator.hpp"

namespace convoy {
namespace {

struct Variables {
  const char* size;
  const char* rank;
};

// The nearest launcher first: mpirun within a job of Slurm overrides what Slurm said.
constexpr std::array kLaunchers{
    Variables{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    Variables{"PMI_SIZE", "PMI_RANK"},  // MPICH, Intel MPI, srun --mpi=pmi2
    Variables{"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
    // Of a step, so of srun: a batch script that nobody started in parallel has SLURM_NTASKS and
    // SLURM_PROCID too.
    Variables{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

std::optional<int> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

struct Place {
  int size = 1;
  int rank = 0;
};

// Of the first launcher that makes sense.
Place announced_place() {
  for (const Variables& launcher : kLaunchers) {
    const auto size = number_in(launcher.size), rank = number_in(launcher.rank);
    if (size && rank && *rank >= 0 && *rank < *size) return {*size, *rank};
  }
  return {};
}

}  // namespace

int announced_ranks() {
  return announced_place().size;
}

int announced_rank() {
  return announced_place().rank;
}

}  // namespace convoy
