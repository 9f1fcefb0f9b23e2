// SPDX-License-Identifier: Apache-2.0
// Runs of the program on many ranks, started by its own supervisor and by a bare launcher. The bits
// are the same, one rank reports, and every job ends.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "internal.hpp"
#include "tests/apps/bare_launcher.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TrainRanks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (mpi_launcher().empty()) GTEST_SKIP() << "built without MPI";
  }

  static Arguments words(const Arguments& more) {
    Arguments words{"train", "--data", "synthetic", "--limit", "257"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  json trained(const Arguments& more, int code = 0) {
    Arguments all = words(more);
    all.emplace_back("--json");
    const Ended ended = run(all, folder_);
    EXPECT_EQ(ended.code, code) << ended.err;
    return document(ended);
  }
  // Starts the ranks by the launcher itself.
  Ended launched(int ranks, const Arguments& arguments) {
    return test::launched(ranks, convoy(arguments), folder_);
  }
  // A run that has trained some steps.
  std::unique_ptr<Child> begun(const Arguments& more, const std::string& epochs = "1000000") {
    Arguments all = words({"--epochs", epochs, "--out", "run"});
    all.insert(all.end(), more.begin(), more.end());
    auto child = std::make_unique<Child>(convoy(all), folder_.path, kAllowRoot);
    child->wait_for("epoch 2/");
    return child;
  }
  // The process of a rank of the run in this folder.
  pid_t process(int rank) const {
    const std::string name = std::to_string(rank);
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code error;
      if (fs::read_symlink(entry.path() / "cwd", error) != folder_.path) continue;
      if (fs::read_symlink(entry.path() / "exe", error) != CONVOY_PROGRAM) continue;
      const std::string environment = '\0' + read_file(entry.path() / "environ");
      for (const char* variable : {"OMPI_COMM_WORLD_RANK=", "PMI_RANK="}) {
        if (environment.find('\0' + (variable + name) + '\0') != std::string::npos) {
          return std::stoi(entry.path().filename().string());
        }
      }
    }
    ADD_FAILURE() << "no process of rank " << rank;
    return -1;
  }
  int processes() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code error;
      count += fs::read_symlink(entry.path() / "cwd", error) == folder_.path;
    }
    return count;
  }
  json status() const { return json::parse(read_file(folder_ / "run/status.json")); }

  ScratchFolder folder_;
};

TEST_F(TrainRanks, RanksAreNoPartOfTheResult) {
  const json alone = trained({"--epochs", "2", "--out", "alone"});
  EXPECT_EQ(alone["contract"], true);
  int number = 0;
  for (const Arguments& layout : std::vector<Arguments>{{"--ranks", "2"},
                                                        {"--ranks=3", "--exchange", "messages"},
                                                        {"--ranks", "2", "--ranks-by", "tensor"},
                                                        {"--ranks", "2", "--reduction", "root"}}) {
    Arguments more{"--epochs", "2", "--oversubscribe", "--out", "run" + std::to_string(number++)};
    more.insert(more.end(), layout.begin(), layout.end());
    const json result = trained(more);
    EXPECT_EQ(result["state_sha256"], alone["state_sha256"]);
    EXPECT_EQ(result["epochs"][1]["test_loss"], alone["epochs"][1]["test_loss"]);
    EXPECT_GT(result["ranks"], 1);
  }
}

TEST_F(TrainRanks, BatchGrowsWithTheRanksWhereAsked) {
  const json result =
      trained({"--per-rank-batch", "8", "--ranks", "3", "--oversubscribe", "--out", "a"});
  EXPECT_EQ(result["batch"], 24);
  EXPECT_EQ(result["state_sha256"], trained({"--batch", "24", "--out", "b"})["state_sha256"]);
  EXPECT_EQ(trained({"--per-rank-batch", "8", "--out", "c"})["batch"], 8);
  EXPECT_TRUE(is_message(run(words({"--batch", "8", "--per-rank-batch", "8"}), folder_),
                         "--per-rank-batch contradict"));
}

TEST_F(TrainRanks, TheLibrarysOwnSumIsOutsideOfTheContract) {
  const json result =
      trained({"--ranks", "2", "--oversubscribe", "--reduction", "fast", "--out", "a"});
  EXPECT_EQ(result["contract"], false);
  EXPECT_EQ(result["reduction"], "fast");
  const Ended again =
      run(words({"--ranks", "2", "--oversubscribe", "--reduction", "fast", "--out", "b"}), folder_);
  EXPECT_NE(again.err.find("warning: --reduction fast: the weights depend on the layout"),
            std::string::npos)
      << again.err;
  EXPECT_TRUE(is_message(
      run(words({"--ranks", "2", "--reduction", "fast", "--exchange", "window"}), folder_),
      "--reduction fast"));
}

TEST_F(TrainRanks, OneRankReportsAnError) {
  write_file(folder_ / "there", "");
  for (const Arguments& wrong : std::vector<Arguments>{
           {"--epocks", "3"}, {"--out", "there"}, {"--data", "nowhere"}, {"no-such-model"}}) {
    Arguments all{"train"};
    all.insert(all.end(), wrong.begin(), wrong.end());
    const Ended alone = run(all, folder_);
    EXPECT_EQ(launched(3, all).code, alone.code);
    EXPECT_EQ(launched(3, all).err, alone.err);
    all.insert(all.end(), {"--ranks", "3", "--oversubscribe"});
    const Ended supervised = run(all, folder_);
    EXPECT_EQ(supervised.code, alone.code);
    EXPECT_EQ(supervised.err, alone.err);
  }
  const Ended twice = launched(2, words({"--ranks", "2"}));
  EXPECT_EQ(twice.code, 2);
  EXPECT_TRUE(is_message(twice, "--ranks 2 inside a job"));
}

// The launcher ends all ranks when the first one exits with an error.
TEST_F(TrainRanks, TheReporterMayBeTheLastRank) {
  Arguments command{"/bin/sh", "-c",
                    "[ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" != 0 ] || sleep 0.5; exec \"$@\"",
                    "sh"};
  for (const std::string& word : convoy({"train", "--epocks", "3"})) command.push_back(word);
  const Ended ended = test::launched(3, command, folder_);
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(is_message(ended, "--epocks"));
}

// A rank that no launcher ends.
TEST_F(TrainRanks, WaitingForTheReporterHasALimit) {
  const Arguments rank_1{"OMPI_COMM_WORLD_SIZE=3", "OMPI_COMM_WORLD_RANK=1", "PMI_SIZE=3",
                         "PMI_RANK=1"};
  const auto start = std::chrono::steady_clock::now();
  const Ended alone = Child(convoy({"train", "--epocks", "3"}), folder_.path, rank_1).wait();
  EXPECT_EQ(alone.code, 2);
  EXPECT_EQ(alone.err, "");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(TrainRanks, RanksThatALauncherStartsTrainTheSameWeights) {
  const json alone = trained({"--out", "alone"});
  const Ended ended = launched(3, words({"--out", "run", "--json"}));
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(document(ended)["state_sha256"], alone["state_sha256"]);
  EXPECT_EQ(document(ended)["ranks"], 3);
  EXPECT_NE(ended.err.find("3 ranks x "), std::string::npos);
}

// (Launchers can be told several command lines, but that of Open MPI 5.0.7 crashes then.)
TEST_F(TrainRanks, RanksWithOtherOptionsAreNamed) {
  Arguments command{
      "/bin/sh", "-c",
      "[ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" != 2 ] || set -- \"$@\" --ranks-by tensor; "
      "exec \"$@\"",
      "sh"};
  for (const std::string& word : convoy(words({"--out", "run"}))) command.push_back(word);
  const Ended ended = test::launched(3, command, folder_);
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(
      is_message(ended, "rank 2 differs from rank 0 in the layout ('--ranks-by tensor', not"));
}

TEST_F(TrainRanks, AStopIsACheckpointAndAnyLayoutContinues) {
  // The slots of AdamW are a part of the state, and its steps are counted.
  const json whole = trained({"--set", "optimizer.type=adamw", "--epochs", "300", "--out", "whole",
                              "--checkpoint-every", "1000epoch"});
  EXPECT_EQ(whole["settings"]["optimizer"]["type"], "adamw");
  for (const int number : {SIGTERM, SIGUSR1}) {
    const auto child = begun({"--set", "optimizer.type=adamw", "--ranks", "2", "--oversubscribe",
                              "--json", "--checkpoint-every", "1000epoch"},
                             "300");
    child->signal(number);
    const Ended ended = child->wait();
    EXPECT_EQ(ended.code, 75) << ended.err;
    EXPECT_EQ(document(ended)["status"], "stopped");
    EXPECT_EQ(status()["status"], "stopped");
    const Ended rest = run(
        {"train", "--resume", "run", "--threads", "2", "--json", "--checkpoint-every", "1000epoch"},
        folder_);
    EXPECT_EQ(rest.code, 0) << rest.err;
    EXPECT_EQ(document(rest)["state_sha256"], whole["state_sha256"]);
    fs::remove_all(folder_.path / "run");
  }
}

TEST_F(TrainRanks, ARankThatDiesOrHangsEndsTheJob) {
  for (const int number : {SIGKILL, SIGSTOP}) {
    const auto child = begun({"--ranks", "3", "--oversubscribe", "--stall-timeout", "4"});
    const pid_t second = process(2);
    ASSERT_GT(second, 1) << "kill(-1) would be the end of all processes of this machine";
    kill(second, number);
    const Ended ended = child->wait();
    EXPECT_EQ(ended.code, 77) << ended.err;
    const std::string last = ended.err.substr(ended.err.rfind("convoy: "));
    EXPECT_NE(last.find("rank 2"), std::string::npos) << last;
    EXPECT_NE(last.find("step "), std::string::npos) << last;
    EXPECT_EQ(status()["status"], "failed");
    EXPECT_EQ(processes(), 0);
    EXPECT_EQ(run({"eval", "run"}, folder_).code, 0);
    fs::remove_all(folder_.path / "run");
  }
}

}  // namespace
}  // namespace convoy::test
