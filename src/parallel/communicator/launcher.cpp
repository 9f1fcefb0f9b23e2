// SPDX-License-Identifier: Apache-2.0
// Reads the environment variables that launchers set for the processes they start; works without
// MPI.
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <unistd.h>

#include "parallel/transport.hpp"

namespace convoy {
namespace {

struct Variables {
  const char* size;
  const char* rank;
};

// The innermost launcher comes first: mpirun within a Slurm job overrides Slurm's variables.
constexpr Variables kOpenMpi{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"};
constexpr Variables kSlurm{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"};
constexpr std::array kLaunchers{
    kOpenMpi,
    Variables{"PMI_SIZE", "PMI_RANK"},  // MPICH, Intel MPI, srun --mpi=pmi2
    Variables{"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
    // SLURM_STEP_NUM_TASKS is set by srun alone: a batch script that runs once has SLURM_NTASKS and
    // SLURM_PROCID too.
    kSlurm,
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

struct JobSizeAndRank {
  int size = 1;
  int rank = 0;
};

std::optional<JobSizeAndRank> announced_by(const Variables& launcher) {
  const auto size = number_in(launcher.size), rank = number_in(launcher.rank);
  if (size && rank && *rank >= 0 && *rank < *size) return JobSizeAndRank{*size, *rank};
  return std::nullopt;
}

// The size and the rank that the first launcher with valid variables gives.
JobSizeAndRank announced() {
  for (const Variables& launcher : kLaunchers) {
    if (const auto found = announced_by(launcher)) return *found;
  }
  return {};
}

// Slurm's plugins, mpiexec and others set variables with these prefixes; those with PMIX_MCA_ are
// only settings.
bool is_pmix(std::string_view variable) {
  return variable.starts_with("PMIX_") && !variable.starts_with("PMIX_MCA_");
}
bool is_pmi(std::string_view variable) {
  return variable.starts_with("PMI_") || variable.starts_with("PMI2_");
}

bool announces(bool (*is_one)(std::string_view variable)) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (is_one(*entry)) return true;
  }
  return false;
}

}  // namespace

int announced_ranks() {
  return announced().size;
}

int announced_rank() {
  return announced().rank;
}

bool lacks_process_manager() {
  return lacks_pmix() && !announces(is_pmi);
}

bool lacks_pmix() {
  if (announced_by(kOpenMpi)) return false;  // its mpirun, perhaps within a job of Slurm
  const auto step = announced_by(kSlurm);
  return step && step->size > 1 && !announces(is_pmix);
}

}  // namespace convoy
