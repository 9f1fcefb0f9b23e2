// SPDX-License-Identifier: Apache-2.0
// Jobs whose ranks never find each other end, say why, and name the remedy.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <regex>
#include <thread>

#include "internal.hpp"
#include "supervision/call_limit.hpp"
#include "supervision/launcher_call.hpp"
#include "tests/apps/bare_launcher.hpp"

namespace convoy::test {
namespace {

using namespace std::chrono_literals;

class MpiStart : public ::testing::Test {
 protected:
  void SetUp() override {
    if (mpi_launcher().empty()) GTEST_SKIP() << "built without MPI";
  }
  // A job of three ranks, one of which stops itself before its program begins.
  Ended with_one_stopped(const std::string& rank) {
    const std::string script =
        "[ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" != " + rank + R"( ] || kill -STOP $$; exec "$@")";
    Arguments command{"/bin/sh", "-c", script, "sh"};
    for (const std::string& word :
         convoy({"train", "--data", "synthetic", "--limit", "32", "--start-timeout", "2"})) {
      command.push_back(word);
    }
    return launched(3, command, folder_);
  }
  static bool knows_pmix_alone() {
    const ScratchFolder folder;
    return mpi_library().starts_with("Open MPI") &&
           run_script("ompi_info --parsable | grep -qE 'mca:pmix:(s1|s2|cray):'", folder).code == 1;
  }
  ScratchFolder folder_;
};

// Without a limit this test would hang until ctest ends it.
TEST_F(MpiStart, ARankThatIsStoppedBeforehandEndsABareJob) {
  for (const char* rank : {"0", "2"}) {
    const Ended ended = with_one_stopped(rank);
    EXPECT_EQ(ended.code, 77) << ended.err;
    EXPECT_NE(ended.err.find("convoy: MPI_Init did not finish in 2 s ("), std::string::npos)
        << ended.err;
    EXPECT_NE(ended.err.find("--start-timeout"), std::string::npos) << ended.err;
  }
}

TEST(CallLimit, EndsACallThatTakesTooLong) {
  const auto hang = [] {
    app::limited_calls(1, 0)("MPI_Finalize");
    for (;;) pause();
  };
  EXPECT_EXIT(hang(), ::testing::ExitedWithCode(77), "convoy: MPI_Finalize did not finish in 1 s");
}

TEST(CallLimit, IsOverWhenTheCallIs) {
  const auto work = [] {
    const auto around = app::limited_calls(1, 0);
    around("MPI_Init");
    around(nullptr);
    std::this_thread::sleep_for(2500ms);
    _exit(3);
  };
  EXPECT_EXIT(work(), ::testing::ExitedWithCode(3), "^$");
}

// The environment that srun sets where its plugin is "none", Debian's default. (Open MPI 4 would
// end the process in MPI_Init with a text of its own.)
TEST_F(MpiStart, SrunWithoutPmiIsRecognisedBeforeMpiStarts) {
  const Arguments of_slurm{"SLURM_JOB_ID=7",           "SLURM_STEP_ID=0",       "SLURM_STEPID=0",
                           "SLURM_STEP_NUM_TASKS=2",   "SLURM_NTASKS=2",        "SLURM_PROCID=0",
                           "SLURM_STEP_NODELIST=here", "SLURM_STEP_NUM_NODES=1"};
  const Ended ended = run({"train", "--data", "synthetic", "--limit", "32"}, folder_, of_slurm);
  EXPECT_EQ(ended.code, 69) << ended.err;
  const bool open_mpi = mpi_library().starts_with("Open MPI");
  EXPECT_TRUE(is_message(ended, open_mpi ? "use srun --mpi=pmix (" : "use srun --mpi=pmi2 ("));
  EXPECT_NE(ended.err.find("without PMI"), std::string::npos) << ended.err;
}

// The environment that its plugin pmi2 sets: an Open MPI that knows PMIx alone, such as Debian's,
// would also end the process.
TEST_F(MpiStart, SrunWithAPluginThatTheLibraryDoesNotKnowIsRecognised) {
  const Arguments of_slurm{"SLURM_JOB_ID=7",
                           "SLURM_STEP_ID=0",
                           "SLURM_STEPID=0",
                           "SLURM_STEP_NUM_TASKS=2",
                           "SLURM_NTASKS=2",
                           "SLURM_PROCID=0",
                           "PMI_RANK=0",
                           "PMI_SIZE=2",
                           "PMI_JOBID=7.0",
                           "SLURM_STEP_NODELIST=h",
                           "SLURM_STEP_NUM_NODES=1"};
  if (!knows_pmix_alone()) GTEST_SKIP() << mpi_library() << " may know PMI";
  const Ended ended = run({"train", "--data", "synthetic", "--limit", "32"}, folder_, of_slurm);
  EXPECT_EQ(ended.code, 69) << ended.err;
  EXPECT_TRUE(is_message(ended, "without PMIx): use srun --mpi=pmix ("));
}

// The second task prints nothing.
TEST_F(MpiStart, SrunWithoutPmiIsToldOnce) {
  const Arguments of_slurm{"SLURM_STEP_NUM_TASKS=2", "SLURM_PROCID=1"};
  const Ended ended = run({"train", "--data", "synthetic", "--limit", "32"}, folder_, of_slurm);
  EXPECT_EQ(ended.code, 69);
  EXPECT_EQ(ended.err, "");
}

}  // namespace
}  // namespace convoy::test
