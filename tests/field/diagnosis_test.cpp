// SPDX-License-Identifier: Apache-2.0
// Where several ranks are missing or named as the cause, the message names the first cause.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "parallel/watch.hpp"
#include "tests/apps/program.hpp"
#include "tests/parallel/mailbox.hpp"

namespace convoy::test {
namespace {

// Code and message of a supervised job (user/fake_job.cpp).
std::string supervised(const Arguments& ranks, const std::string& launcher) {
  const ScratchFolder folder;
  Arguments words{CONVOY_FAKE_JOB, "supervise", "30", "30", launcher};
  words.insert(words.end(), ranks.begin(), ranks.end());
  const std::string out = Child(words, folder.path).wait().out;
  return out.substr(0, out.rfind('|'));
}

// The launcher ends the ranks that arrived, which had done nothing.
TEST(Diagnose, OfARankThatDiesBeforeItIsSeen) {
  const std::string told = supervised({"waits", "dies-unseen", "waits"}, "strict");
  EXPECT_TRUE(told.starts_with("77|rank 1 ended before it started training")) << told;
}

// Rank 1 found that rank 0 was gone; rank 0 had left because of rank 2.
TEST(Diagnose, OfTheLastRankInAChainOfWaits) {
  const std::string first = "waiting failed on rank 2 (no response for 30 s, and no answer)";
  EXPECT_EQ(
      supervised({"says:" + first, "says:waiting failed on rank 0 (it is gone)", "hangs"}, "well"),
      "77|" + first);
}

TEST(Diagnose, TheSignalOfARankThatDiedIsKept) {
  // The launcher has not ended, so it has no exit code yet.
  const std::string told = supervised({"waits", "dies"}, "hangs");
  EXPECT_EQ(told, "77|rank 1 died in step 7, training (ended by signal 9, Killed)");
}

// Ranks 1 to 3 are on other hosts; all ranks that are asked answer, but one.
class AllButOneAnswer final : public Mailbox {
 public:
  explicit AllButOneAnswer(int silent) : silent_(silent) {}
  void tell_all(const StatusMessage& message) override {
    for (int rank = 1; rank < size(); ++rank) {
      if (rank == silent_) continue;
      incoming.push_back(message);
      incoming.back().rank = rank;
    }
  }

 private:
  const int silent_;
};

// The state while ranks start, before they see each other: the launcher sends SIGTERM because one
// died.
TEST(Diagnose, AfterSigtermIsOfTheRankThatGivesNoAnswer) {
  for (int silent = 1; silent < 4; ++silent) {
    LivenessTable liveness_table(alone()->allocate(LivenessTable::bytes(4)), 4);
    AllButOneAnswer others(silent);
    Watch watch(liveness_table, 0, 1000);
    watch.on_sigterm();
    watch.begin(kAllRanks, {0, 4}, SyncPoint::start);
    std::string told;
    try {
      for (const Stopwatch time; time.seconds() < 60; usleep(20'000)) watch.look(&others);
    } catch (const SystemError& error) {
      told = error.what();
    }
    EXPECT_NE(told.find("failed on rank " + std::to_string(silent) + " ("), std::string::npos)
        << told;
  }
}

}  // namespace
}  // namespace convoy::test
