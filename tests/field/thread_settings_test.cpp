// SPDX-License-Identifier: Apache-2.0
// Settings of threads in the environment: unreadable numbers, Slurm's numbers, stacks that are too
// small, and limits under which no thread can start.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "internal.hpp"
#include "runtime/cpu/thread_trial.hpp"
#include "runtime/cpu/workers.hpp"
#include "tests/apps/program.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class ThreadSettings : public ::testing::Test {
 protected:
  Ended train(const Arguments& more, const Arguments& variables) {
    Arguments words{"train",    "--data", "synthetic", "--limit", "64",
                    "--epochs", "1",      "--json",    "--out",   "run" + std::to_string(++runs_)};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, folder_, variables);
  }
  // The number of threads that trained.
  int threads(const Arguments& more, const Arguments& variables) {
    const Ended ended = train(more, variables);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return document(ended)["threads"];
  }
  // Removes the files of the last call of train().
  ::testing::AssertionResult left_nothing() const {
    const std::string name = "run" + std::to_string(runs_);
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path)) {
      if (entry.path().filename().string().starts_with(name)) {
        return ::testing::AssertionFailure() << entry.path() << " is there";
      }
    }
    return ::testing::AssertionSuccess();
  }
  static void needs_threads() {
    if (most_workers() < 2) GTEST_SKIP() << "built without threads";
  }

  ScratchFolder folder_;
  int runs_ = 0;
};

TEST_F(ThreadSettings, AnUnreadableNumberIsNamedWithWhatIsDoneInstead) {
  needs_threads();
  if (IsSkipped()) return;
  const int usual = threads({}, {});
  for (const char* text : {"abc", "0", "-1", "", " ", "4,abc", "4,", ",2", "0,2", "2x", "2.5",
                           "1e3", "99999999999999999999", "2147483647", "+3", "2;3", "2 3"}) {
    const Ended ended = train({}, {std::string("OMP_NUM_THREADS=") + text});
    ASSERT_EQ(ended.code, 0) << text << ": " << ended.err;
    EXPECT_EQ(document(ended)["threads"], usual) << text;
    EXPECT_THAT(ended.err,
                HasSubstr("convoy: warning: OMP_NUM_THREADS is \"" + std::string(text) + "\""));
    EXPECT_THAT(ended.err, HasSubstr(std::to_string(usual) + " thread"));
    // The variable does not count where an option gives the number.
    EXPECT_THAT(train({"--threads", "1"}, {std::string("OMP_NUM_THREADS=") + text}).err,
                Not(HasSubstr("convoy: warning")));
  }
}

TEST_F(ThreadSettings, TheFirstNumberOfAListCounts) {
  needs_threads();
  if (IsSkipped()) return;
  for (const char* text : {"3", " 3", "3 ", "3,2", "3, 2 ,1"}) {
    const Ended ended = train({"--oversubscribe"}, {std::string("OMP_NUM_THREADS=") + text});
    EXPECT_EQ(document(ended)["threads"], 3) << text;
    EXPECT_THAT(ended.err, Not(HasSubstr("OMP_NUM_THREADS is"))) << text;
  }
}

TEST_F(ThreadSettings, SlurmsNumberIsTheMostWhereNothingElseSaysHowMany) {
  needs_threads();
  if (IsSkipped()) return;
  EXPECT_EQ(threads({}, {"SLURM_CPUS_PER_TASK=1"}), 1);
  EXPECT_EQ(threads({"--oversubscribe"}, {"SLURM_CPUS_PER_TASK=1", "OMP_NUM_THREADS=2"}), 2);
  EXPECT_EQ(threads({"--oversubscribe", "--threads", "2"}, {"SLURM_CPUS_PER_TASK=1"}), 2);
  const int usual = threads({}, {});
  for (const char* none : {"SLURM_CPUS_PER_TASK=4096", "SLURM_CPUS_PER_TASK=0",
                           "SLURM_CPUS_PER_TASK=", "SLURM_CPUS_PER_TASK=many"}) {
    EXPECT_EQ(threads({}, {none}), usual) << none;
  }
}

TEST_F(ThreadSettings, AffinityCountsMoreThanSlurmsNumber) {
  needs_threads();
  if (IsSkipped()) return;
  const std::vector<int> mine = affinity();
  if (mine.size() < 3) GTEST_SKIP() << "needs three cores, to be bound to two";
  const std::string script = "SLURM_CPUS_PER_TASK=1 exec taskset -c " + std::to_string(mine[0]) +
                             "," + std::to_string(mine[1]) +
                             " \"$CONVOY\" train --data synthetic --limit 64 --epochs 1 --json";
  EXPECT_EQ(document(run_script(script, folder_))["threads"], 2);
}

TEST_F(ThreadSettings, StackSizesAreReadAsOpenMpReadsThem) {
  EXPECT_EQ(stack_bytes("16k"), 16384U);
  EXPECT_EQ(stack_bytes("16"), 16384U);
  EXPECT_EQ(stack_bytes(" 8 M "), std::size_t{8} << 20);
  EXPECT_EQ(stack_bytes("1g"), std::size_t{1} << 30);
  EXPECT_EQ(stack_bytes("4096B"), 4096U);
  for (const char* none : {"", " ", "abc", "-1", "8x", "8mb", "k", "99999999999999999999g"}) {
    EXPECT_EQ(stack_bytes(none), std::nullopt) << none;
  }
}

TEST_F(ThreadSettings, AStackThatIsTooSmallIsRefused) {
  needs_threads();
  if (IsSkipped()) return;
  for (const char* size : {"16k", "64k", "100"}) {
    const std::string variable = std::string("OMP_STACKSIZE=") + size;
    const Ended ended = train({"--threads", "2", "--oversubscribe"}, {variable});
    EXPECT_EQ(ended.code, 69) << variable;
    EXPECT_TRUE(is_message(ended, variable));
    EXPECT_TRUE(left_nothing());
    EXPECT_EQ(threads({"--threads", "1"}, {variable}), 1) << "the main thread has another stack";
  }
}

TEST_F(ThreadSettings, TheSmallestStackIsEnough) {
  needs_threads();
  if (IsSkipped()) return;
  const std::string least = "OMP_STACKSIZE=" + std::to_string(kLeastStack >> 10) + "k";
  for (const Arguments& what : std::vector<Arguments>{{"lenet5"},
                                                      {"tiny-sigmoid", "--isa", "reference"},
                                                      {"tiny-relu", "--profile"},
                                                      {"lenet5", "--threads-by", "tensor"}}) {
    Arguments words = what;
    words.insert(words.end(), {"--threads", "2", "--oversubscribe"});
    const Ended ended = train(words, {least});
    EXPECT_EQ(ended.code, 0) << what.front() << ": " << ended.err;
  }
}

TEST_F(ThreadSettings, ThreadsWithoutMemoryAreRefused) {
  needs_threads();
  if (IsSkipped()) return;
  // The size is more than a process can address.
  const Ended ended = train({"--threads", "2", "--oversubscribe"}, {"OMP_STACKSIZE=1000000g"});
  EXPECT_EQ(ended.code, 69);
  EXPECT_TRUE(is_message(ended, "2 threads can't be started"));
  EXPECT_TRUE(left_nothing());
}

TEST_F(ThreadSettings, AProcessThatMayCreateNoThreadsSaysSo) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  needs_threads();
  if (IsSkipped()) return;
  // The limit does not count root's processes, so the test runs as another user.
  chmod(folder_.path.c_str(), 0777);
  const std::string as_user =
      geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "
                     : "";
  if (run_script(as_user + "\"$CONVOY\" --version", folder_).code != 0) {
    GTEST_SKIP() << "no other user can run the program";
  }
  const std::string train = "\"$CONVOY\" train --data synthetic --limit 64 --json --out ";
  const auto limited = [&](const std::string& command) {
    return run_script(as_user + "bash -c 'ulimit -u 1; exec " + command + "'", folder_);
  };
  const Ended threads = limited(train + "a --threads 2 --oversubscribe");
  EXPECT_EQ(threads.code, 69);
  EXPECT_TRUE(is_message(threads, "2 threads can't be started"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
  EXPECT_EQ(limited(train + "b --threads 1").code, 0) << "one needs no other";

  if (mpi_library().empty()) return;
  const Ended ranks = limited(train + "c --ranks 2 --oversubscribe");
  EXPECT_EQ(ranks.code, 69);
  EXPECT_TRUE(is_message(ranks, "ulimit -u"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "c"));
}

}  // namespace
}  // namespace convoy::test
