// SPDX-License-Identifier: Apache-2.0
// The number of ranks that a launcher announces in the environment.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "parallel/transport.hpp"

namespace convoy {
namespace {

using Variables = std::map<std::string, std::string>;

// The announced (ranks, rank), with these variables of launchers and no others.
std::pair<int, int> announced(const Variables& variables) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_SIZE", "PMI_RANK",
                           "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "SLURM_STEP_NUM_TASKS",
                           "SLURM_PROCID", "SLURM_NTASKS"}) {
    const auto found = variables.find(name);
    if (found == variables.end()) {
      unsetenv(name);
    } else {
      setenv(name, found->second.c_str(), 1);
    }
  }
  return {announced_ranks(), announced_rank()};
}

using Pair = std::pair<int, int>;

TEST(Launcher, WithoutALauncherThereIsOneRank) {
  EXPECT_EQ(announced({}), Pair(1, 0));
}

TEST(Launcher, EachKindIsUnderstood) {
  EXPECT_EQ(announced({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}}), Pair(4, 3));
  EXPECT_EQ(announced({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}), Pair(2, 1));
  EXPECT_EQ(announced({{"MV2_COMM_WORLD_SIZE", "8"}, {"MV2_COMM_WORLD_RANK", "0"}}), Pair(8, 0));
  EXPECT_EQ(announced({{"SLURM_STEP_NUM_TASKS", "16"}, {"SLURM_PROCID", "15"}}), Pair(16, 15));
}

TEST(Launcher, ABatchScriptOfSlurmIsOneRank) {
  EXPECT_EQ(announced({{"SLURM_NTASKS", "16"}, {"SLURM_PROCID", "0"}}), Pair(1, 0));
}

TEST(Launcher, MpirunCountsBeforeSlurm) {
  const Variables slurm{{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "1"}};
  Variables both = slurm;
  both["OMPI_COMM_WORLD_SIZE"] = "1";
  both["OMPI_COMM_WORLD_RANK"] = "0";
  EXPECT_EQ(announced(both), Pair(1, 0));
}

TEST(Launcher, GarbageIsOneRank) {
  for (const char* size : {"", "four", "4x", " 4", "-4", "0", "99999999999999999999", "4.0"}) {
    EXPECT_EQ(announced({{"PMI_SIZE", size}, {"PMI_RANK", "0"}}), Pair(1, 0)) << size;
  }
  for (const char* rank : {"", "one", "-1", "4", "5", "1e0"}) {
    EXPECT_EQ(announced({{"PMI_SIZE", "4"}, {"PMI_RANK", rank}}), Pair(1, 0)) << rank;
  }
  EXPECT_EQ(announced({{"PMI_SIZE", "4"}}), Pair(1, 0));
  EXPECT_EQ(announced({{"PMI_RANK", "2"}}), Pair(1, 0));
}

TEST(Launcher, ComesWithTheLibrary) {
  EXPECT_EQ(mpi_library().empty(), mpi_launcher().empty());
  if (mpi_library().empty()) {
    EXPECT_THROW(mpi_transport(), UserError);
    return;
  }
  EXPECT_EQ(access(mpi_launcher().c_str(), X_OK), 0) << mpi_launcher();
  EXPECT_EQ(mpi_library().find_first_of("\n\t,"), std::string::npos) << mpi_library();
}

}  // namespace
}  // namespace convoy
