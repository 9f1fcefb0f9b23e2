// SPDX-License-Identifier: Apache-2.0
// The supervisor of a job (tests/apps/user/fake_job.cpp) with every kind of failure: it always
// ends, names the rank at fault, and leaves no process.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Result {
  int code = -1;
  std::string message, output, errors;
};

class Supervisor : public ::testing::Test {
 protected:
  // Seconds after which a rank counts as hung (and as many again until the supervisor, not the
  // ranks, reports it).
  std::unique_ptr<Child> start(const Arguments& ranks, const std::string& launcher = "well",
                               const std::string& stall = "30", const std::string& start = "30") {
    Arguments words{CONVOY_FAKE_JOB, "supervise", stall, start, launcher};
    words.insert(words.end(), ranks.begin(), ranks.end());
    return std::make_unique<Child>(words, folder_.path, Arguments{tag()});
  }
  Result result(Child& child) {
    const Ended ended = child.wait();
    Result result{-1, "", "", ended.err};
    std::istringstream text(ended.out);
    std::string code;
    std::getline(text, code, '|');
    std::getline(text, result.message, '|');
    std::getline(text, result.output);
    if (!code.empty()) result.code = std::stoi(code);
    EXPECT_EQ(processes(), 0) << "are left of a job that ended with: " << result.message;
    return result;
  }
  Result supervised(const Arguments& ranks, const std::string& launcher = "well",
                    const std::string& stall = "30", const std::string& begin = "30") {
    return result(*start(ranks, launcher, stall, begin));
  }

  // A variable that marks all processes of this test.
  std::string tag() const { return "CONVOY_TEST_TAG=" + folder_.path.string(); }
  int processes() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const bool ours = read_file(entry.path() / "environ").find(tag()) != std::string::npos;
      count += ours && read_file(entry.path() / "stat").find(") Z") == std::string::npos;
    }
    return count;
  }

  ScratchFolder folder_;
};

TEST_F(Supervisor, PassesOnHowTheRanksEnd) {
  const Result done = supervised({"ends", "late", "ends"});
  EXPECT_EQ(done.code, 0) << done.message;
  EXPECT_EQ(done.output, "{}{}{}");
  EXPECT_EQ(done.errors, "RANK\nRANK\nRANK\n");
  EXPECT_EQ(supervised({"not-finite", "not-finite"}).code, 76);
}

TEST_F(Supervisor, HandsStopSignalsOn) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    const auto child = start({"works", "works", "works"});
    child->wait_for("RANK");  // the other ranks may not have arrived yet
    child->signal(number);
    const Result stopped = result(*child);
    EXPECT_EQ(stopped.code, 75) << number << stopped.message;
    EXPECT_EQ(stopped.errors.find("BANNER"), std::string::npos);
  }
}

TEST_F(Supervisor, ASecondInterruptEndsAll) {
  const auto child = start({"waits", "hangs", "stops"}, "hangs");
  child->wait_for("RANK\nRANK\nRANK\n");
  child->signal(SIGINT);
  std::this_thread::sleep_for(300ms);
  child->signal(SIGINT);
  EXPECT_EQ(result(*child).message, "at once");
}

TEST_F(Supervisor, NamesTheRankThatDied) {
  const Result killed = supervised({"waits", "waits", "dies"});
  EXPECT_EQ(killed.code, 77);
  EXPECT_EQ(killed.message.find("rank 2 died in step 7, training ("), 0u) << killed.message;
  EXPECT_EQ(killed.errors, "RANK\nRANK\nRANK\n");
  const Result left = supervised({"exits", "waits"});
  EXPECT_EQ(left.code, 77);
  EXPECT_EQ(left.message.find("rank 0 died in step 7, training ("), 0u) << left.message;
  EXPECT_NE(supervised({"dies", "ends"}).message.find("signal 9"), std::string::npos);
}

TEST_F(Supervisor, PassesOnWhatARankPrintsBeforeItCrashes) {
  const Result crashed = supervised({"crashes", "ends"});
  EXPECT_NE(crashed.errors.find("LAST WORDS"), std::string::npos);
  EXPECT_NE(crashed.message.find("signal 6"), std::string::npos) << crashed.message;
}

TEST_F(Supervisor, NamesTheRankThatHangs) {
  for (const std::string how : {"hangs", "stops"}) {
    const Result hung = supervised({"waits", how, "waits"}, "well", "0.5");
    EXPECT_EQ(hung.code, 77);
    EXPECT_EQ(hung.message.find("rank 1 hangs in step 7, training ("), 0u) << hung.message;
  }
}

TEST_F(Supervisor, EndsAJobInWhichAllWait) {
  EXPECT_EQ(supervised({"waits", "waits"}, "well", "0.5").message.find("rank "), 0u);
}

TEST_F(Supervisor, NeitherAWorkingRankNorOneThatWaitsForItCountsAsHung) {
  const auto child = start({"works", "waits"}, "well", "1");
  std::this_thread::sleep_for(3s);
  child->signal(SIGINT);
  const Result stopped = result(*child);
  // The rank that waits never ends, but no message calls it hung while the other rank works.
  EXPECT_NE(stopped.message.find("rank 1 hangs"), std::string::npos) << stopped.message;
}

TEST_F(Supervisor, ReportsTheReasonThatARankGave) {
  const Result full = supervised({"diagnoses", "disk-full", "waits"});
  EXPECT_EQ(full.code, 74);
  EXPECT_EQ(full.message, "rank 1: writing failed on runs (disk full)");
  const Result bug = supervised({"waits", "has-a-bug"});
  EXPECT_EQ(bug.code, 77);
  EXPECT_EQ(bug.message, "rank 1 failed in step 7 (internal error (oops))");
  const Result named = supervised({"hangs", "diagnoses"});
  EXPECT_EQ(named.code, 77);
  EXPECT_EQ(named.message, "waiting failed on rank 0 (it is gone)");
  EXPECT_EQ(named.errors, "RANK\nRANK\n");
}

TEST_F(Supervisor, EndsAJobThatNeverBegins) {
  const Result absent = supervised({"waits", "never-comes"}, "well", "30", "1");
  EXPECT_EQ(absent.code, 77);
  EXPECT_EQ(absent.message, "rank 1 did not start within 1 s");
  const Result early = supervised({"early", "early"});
  EXPECT_EQ(early.code, 69);
  EXPECT_NE(early.message.find("exit code 9"), std::string::npos) << early.message;
}

TEST_F(Supervisor, OfRanksOnSeveralMachinesNamesTheHosts) {
  const std::string remedy =
      ": check the names in --hosts, and that ssh reaches each of these machines without a "
      "password";
  const auto supervised_on_hosts = [this](const Arguments& words) {
    Arguments command{CONVOY_FAKE_JOB, "supervise-hosts"};
    command.insert(command.end(), words.begin(), words.end());
    Child child(command, folder_.path, Arguments{tag()});
    return result(child);
  };
  const Result unreached = supervised_on_hosts({"30", "30", "gives-up", "ends", "ends"});
  EXPECT_EQ(unreached.code, 69);
  EXPECT_EQ(
      unreached.message,
      "the launcher ended without starting any rank (its process ended with exit code 5)" + remedy);
  const Result absent = supervised_on_hosts({"30", "1", "well", "waits", "never-comes"});
  EXPECT_EQ(absent.code, 77);
  EXPECT_EQ(absent.message, "rank 1 did not start within 1 s" + remedy);
}

TEST_F(Supervisor, SurvivesItsLauncher) {
  EXPECT_EQ(supervised({"ends", "ends"}, "gives-up").code, 69);
  const Result orphaned = supervised({"works", "hangs"}, "dies");
  EXPECT_EQ(orphaned.code, 77);
  EXPECT_NE(orphaned.message.find("the launcher ended"), std::string::npos) << orphaned.message;
  const Result both = supervised({"waits", "waits"}, "dies", "30");
  EXPECT_EQ(both.message, "the launcher ended before the ranks (ended by signal 9, Killed)");
  EXPECT_EQ(supervised({"waits", "dies"}, "hangs").code, 77);
  EXPECT_EQ(supervised({"ends", "ends"}, "hangs").code, 0);
}

TEST_F(Supervisor, NothingSurvivesASupervisorThatIsKilled) {
  const auto child = start({"works", "hangs", "stops", "never-comes"}, "hangs");
  child->wait_for("RANK\nRANK\nRANK\n");
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(processes(), 6);
  child->signal(SIGKILL);
  child->wait();
  while (processes() > 0) std::this_thread::sleep_for(10ms);  // the test's limit says how long
}

}  // namespace
}  // namespace convoy::test
