// SPDX-License-Identifier: Apache-2.0
// convoy study with a launcher that fails: the failure is not reported as a bug of Convoy, and the
// launcher's message is passed on.
#include <gtest/gtest.h>

#include "parallel/communicator.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

class StudyLauncher : public ::testing::Test {
 protected:
  void SetUp() override {
    if (mpi_launcher().empty()) GTEST_SKIP() << "built without MPI";
  }
  // `script` stands for the launcher; it gets the program's command line.
  Ended study(const std::string& script) {
    write_file(folder_ / "launcher", "#!/bin/sh\nshift\n" + script + "\n");
    std::filesystem::permissions(folder_ / "launcher", std::filesystem::perms::owner_all);
    return run(
        {"study", "tiny-relu", "--data", "synthetic", "--limit", "32", "--epochs", "1", "--layouts",
         "2x1", "--repeats", "1", "--quiet", "--launcher", folder_ / "launcher {ranks}"},
        folder_);
  }
  ScratchFolder folder_;
};

TEST_F(StudyLauncher, ItsFailureIsNoInternalError) {
  const Ended ended = study(
      "echo '*** An error occurred in MPI_Init' >&2; echo 'srun: error: task 0: exit 1' >&2; exit "
      "1");
  EXPECT_EQ(ended.code, 69) << ended.err;
  EXPECT_TRUE(is_message(ended, "failed with exit code 1"));
  EXPECT_NE(ended.err.find("An error occurred in MPI_Init / srun: error: task 0: exit 1"),
            std::string::npos)
      << ended.err;
  EXPECT_EQ(ended.err.find("internal error"), std::string::npos) << ended.err;
}

TEST_F(StudyLauncher, ConvoysMessageCountsBeforeTheLaunchers) {
  const Ended ended = study(
      "echo 'convoy: no such data (it is gone): fetch it' >&2; echo 'srun: error: task 0: exit 66' "
      ">&2; exit 66");
  EXPECT_EQ(ended.code, 66) << ended.err;
  EXPECT_TRUE(is_message(ended, "(no such data (it is gone): fetch it)"));
  EXPECT_EQ(ended.err.find("srun: error"), std::string::npos) << ended.err;
}

TEST_F(StudyLauncher, ASignalIsNoInternalError) {
  EXPECT_EQ(study("kill -KILL $$").code, 69);
}

TEST_F(StudyLauncher, WhatPrintsNoResultIsNoInternalError) {
  const Ended ended = study("true");
  EXPECT_EQ(ended.code, 69) << ended.err;
  EXPECT_TRUE(is_message(ended, "printed no result"));
}

TEST_F(StudyLauncher, TheExampleNamesSlurmsPlugin) {
  EXPECT_NE(run({"study", "--help"}, folder_).out.find("srun --mpi="), std::string::npos);
  EXPECT_TRUE(is_message(run({"study", "--launcher", "srun"}, folder_), "srun --mpi="));
}

}  // namespace
}  // namespace convoy::test
