// SPDX-License-Identifier: Apache-2.0
// A job whose rank 0, which writes the run folder, dies or hangs: status.json says "failed" all the
// same.
#include <gtest/gtest.h>
#include <signal.h>

#include "internal.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using nlohmann::json;

class FieldRankStatus : public ::testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(FieldRankStatus, IsFailedWhereTheFirstRankIs) {
  if (mpi_launcher().empty()) GTEST_SKIP() << "built without MPI";
  const auto [number, supervised] = GetParam();
  const ScratchFolder folder;
  Arguments words{"train",   "--data", "synthetic", "--limit",         "257", "--epochs",
                  "1000000", "--out",  "run",       "--stall-timeout", "10"};
  Arguments command;
  if (supervised) {
    words.insert(words.end(), {"--ranks", "2"});
  } else {
    command = {mpi_launcher(), "-np", "2"};
    if (mpi_library().starts_with("Open MPI")) {
      command.insert(command.end(), {"--bind-to", "none", "--oversubscribe"});
    }
  }
  for (const std::string& word : convoy(words)) command.push_back(word);
  Child child(command, folder.path,
              {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"});
  child.wait_for("epoch 2/");
  const auto status = [&] { return json::parse(read_file(folder.path / "run/status.json")); };
  ASSERT_EQ(status()["status"], "running");
  const pid_t first = status()["pid"];
  ASSERT_GT(first, 1);
  kill(first, number);
  const Ended ended = child.wait();
  EXPECT_NE(ended.code, 0);
  EXPECT_EQ(status()["status"], "failed") << ended.err;
  EXPECT_NE(std::string(status().value("message", "")).find("rank 0"), std::string::npos)
      << status();
}

INSTANTIATE_TEST_SUITE_P(All, FieldRankStatus,
                         ::testing::Combine(::testing::Values(SIGKILL, SIGSTOP), ::testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) == SIGKILL ? "Dies"
                                                                                 : "Hangs") +
                                  (std::get<1>(test.param) ? "UnderASupervisor" : "UnderALauncher");
                         });

}  // namespace
}  // namespace convoy::test
