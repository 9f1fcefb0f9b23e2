// SPDX-License-Identifier: Apache-2.0
#include "parallel/watch.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "base/check.hpp"
#include "tests/parallel/children.hpp"
#include "tests/parallel/mailbox.hpp"

namespace convoy::test {
namespace {

constexpr double kStall = 0.4;   // seconds; short, for tests that find a silent rank
constexpr double kNever = 1000;  // for tests without a silent rank

// This process is rank 0; others are children, or entries that the test writes.
class WatchTest : public testing::Test {
 protected:
  static constexpr int kRanks = 4;

  WatchTest()
      : liveness_table_(memory_for_children(static_cast<std::size_t>(LivenessTable::bytes(kRanks))),
                        kRanks) {
    join(0);
  }

  void join(int rank, Activity activity = Activity::training, std::int64_t step = 17) {
    LivenessTableEntry& entry = liveness_table_[rank];
    entry.activity = static_cast<std::uint8_t>(activity);
    entry.step = step;
    entry.sequence = static_cast<std::uint32_t>(step);
    entry.pid = getpid();
  }
  void wait_at(int rank, int waits_for, SyncPoint sync_point) {
    liveness_table_[rank].sync_point = static_cast<std::uint8_t>(sync_point);
    liveness_table_[rank].waits_for = waits_for;
    liveness_table_[rank].waiting = 1;
  }
  pid_t start(int rank, const std::function<int()>& work) {
    const pid_t child = children_.start([&, rank] {
      join(rank);
      return work();
    });
    while (liveness_table_[rank].pid == 0) usleep(1000);
    return child;
  }
  // Ends the rank as a program does after an error.
  void fail(int rank, const std::string& reason) {
    liveness_table_.set_reason(rank, reason);
    liveness_table_[rank].activity = static_cast<std::uint8_t>(Activity::failed);
  }
  // A child that waits with a watch, and fails with the error that the watch threw.
  void start_waiting(int rank, int waits_for, Range among, SyncPoint sync_point) {
    start(rank, [this, rank, waits_for, among, sync_point] {
      Watch watch(liveness_table_, rank, kNever);
      watch.begin(waits_for, among, sync_point);
      fail(rank, verdict(watch));
      return 0;
    });
    while (liveness_table_[rank].waiting == 0) usleep(1000);
  }
  pid_t start_working(int rank) {
    return start(rank, [this, rank]() -> int {
      for (;;) {
        ++liveness_table_[rank].heartbeat;
        usleep(5000);
      }
    });
  }

  static void look_often(Watch& watch, double seconds, Transport* transport = nullptr) {
    for (Stopwatch time; time.seconds() < seconds; usleep(20'000)) watch.look(transport);
  }
  // The message with which a wait ends.
  static std::string verdict(Watch& watch, Transport* transport = nullptr) {
    try {
      look_often(watch, 60, transport);
    } catch (const SystemError& error) {
      return error.fault() == Fault::peer ? error.what() : "another fault";
    }
    return "hangs";
  }
  Watch waiting_watch(double stall, int waits_for = kAllRanks,
                      SyncPoint sync_point = SyncPoint::update) {
    Watch watch(liveness_table_, 0, stall);
    watch.see_processes();
    watch.begin(waits_for, {0, kRanks}, sync_point);
    return watch;
  }

  LivenessTable liveness_table_;
  Children children_;  // destroyed before the liveness table
};

// This also holds for a zombie, for which no process has waited.
TEST_F(WatchTest, ADeadProcessIsNamed) {
  start_working(1);
  const pid_t child = start_working(2);
  start_working(3);
  Watch watch = waiting_watch(kNever);
  EXPECT_NO_THROW(look_often(watch, 0.1));
  kill(child, SIGKILL);
  const std::string dead =
      "the update of step 17 failed on rank 2 (its process has ended; it was in step 17, training)";
  EXPECT_EQ(verdict(watch), dead);
  EXPECT_EQ(liveness_table_[0].waits_for, 2);  // for ranks that wait for this one
  Watch other = waiting_watch(kNever, 1);
  EXPECT_EQ(verdict(other), dead) << "though not waited for";
}

TEST_F(WatchTest, AFailedRankIsNamedWithItsReason) {
  start_working(1);
  start(2, [&] {
    liveness_table_.set_reason(2, "disk full");
    liveness_table_[2].activity = static_cast<std::uint8_t>(Activity::failed);
    return 74;
  });
  join(3);
  Watch watch = waiting_watch(kNever, 1);
  EXPECT_EQ(verdict(watch), "the update of step 17 failed on rank 2 (it failed: disk full)");
}

// Ranks that fail because of another are not taken for the cause.
TEST_F(WatchTest, TheFirstOfAChainOfFailuresIsNamed) {
  join(1, Activity::failed);
  liveness_table_.set_reason(1, "the update of step 17 failed on rank 2 (it failed: ...)");
  wait_at(1, 2, SyncPoint::update);
  join(2, Activity::failed);
  liveness_table_.set_reason(2, "the update of step 17 failed on rank 3 (its process has ended)");
  wait_at(2, 3, SyncPoint::update);
  const pid_t child = start_working(3);
  Watch watch = waiting_watch(kNever);
  EXPECT_NE(verdict(watch).find("failed on rank 3 (rank 2 says: "), std::string::npos);
  kill(child, SIGKILL);
  while (verdict(watch).find("failed on rank 3 (its process has ended;") == std::string::npos) {
    usleep(1000);
  }
  join(3, Activity::failed);
  liveness_table_.set_reason(3, "disk full");
  EXPECT_NE(verdict(watch).find("failed on rank 3 (it failed: disk full)"), std::string::npos);
  // A rank that names this rank as the cause: its message is used.
  liveness_table_[2].waits_for = 0;
  EXPECT_NE(verdict(watch).find("failed on rank 2 (it failed: the update"), std::string::npos);
}

TEST_F(WatchTest, ARankThatLeftIsNamedOnceAnotherWaitsForIt) {
  start_working(1);
  start(2, [&] {
    liveness_table_[2].activity = static_cast<std::uint8_t>(Activity::left);
    return 0;
  });
  join(3);
  Watch watch = waiting_watch(kNever, 1);
  EXPECT_NO_THROW(look_often(watch, 0.2));
  watch.end();
  watch.begin(kAllRanks, {0, kRanks}, SyncPoint::checkpoint);
  EXPECT_NO_THROW(watch.look(nullptr)) << "its last message may be on its way";
  EXPECT_EQ(verdict(watch), "the checkpoint of step 17 failed on rank 2 (it left in step 17)");
}

TEST_F(WatchTest, AStoppedRankIsNamedAndOneThatWorksIsNot) {
  start_working(1);
  const pid_t child = start_working(2);
  start_working(3);
  Watch watch = waiting_watch(1);
  EXPECT_NO_THROW(look_often(watch, 1.2));
  kill(child, SIGSTOP);
  EXPECT_EQ(verdict(watch),
            "the update of step 17 failed on rank 2 (no response for 1 s, the stall timeout; "
            "it is in step 17, training)");
}

TEST_F(WatchTest, SeveralSilentRanksAreCounted) {
  for (const int rank : {1, 2, 3}) join(rank, Activity::evaluating, rank);
  wait_at(1, kAllRanks,
          SyncPoint::stage);  // its entry says so, but ranks that wait for no other are named first
  Watch watch = waiting_watch(kStall);
  EXPECT_EQ(verdict(watch),
            "the update of step 17 failed on rank 2 (and 1 more) (no response for 0.4 s, the "
            "stall timeout; it is in step 2, evaluating)");
}

// The rank was stopped in a barrier that is long over, and does not check any more.
TEST_F(WatchTest, ARankThatIsStoppedWhileItWaitsIsNamed) {
  for (const int rank : {2, 3}) start_working(rank);
  join(1, Activity::training, 16);
  wait_at(1, kAllRanks, SyncPoint::update);
  Watch watch = waiting_watch(2 * kStall);
  EXPECT_EQ(verdict(watch),
            "the update of step 17 failed on rank 1 (no response for 0.8 s, the stall timeout; "
            "it is in step 16, "
            "training, and waits for all in the update)");
}

TEST_F(WatchTest, TheRankThatTheAwaitedRankWaitsForIsNamed) {
  start_waiting(1, 2, {0, kRanks}, SyncPoint::exchange);
  start_waiting(2, 3, {0, kRanks}, SyncPoint::exchange);
  join(3);
  Watch watch = waiting_watch(2 * kStall, 1, SyncPoint::exchange);
  EXPECT_NE(verdict(watch).find("failed on rank 3 (no response"), std::string::npos);
}

// All ranks name it, both those that detect it and those that get a message from one of these.
TEST_F(WatchTest, TheRankThatWaitsElsewhereIsNamed) {
  start_waiting(1, kAllRanks, {0, kRanks}, SyncPoint::update);
  start_waiting(2, kAllRanks, {0, kRanks}, SyncPoint::checkpoint);
  start_waiting(3, kAllRanks, {0, kRanks}, SyncPoint::update);
  Watch watch = waiting_watch(kNever);
  fail(0, verdict(watch));
  EXPECT_EQ(children_.join(), std::vector<int>(3, 0));
  for (int rank = 0; rank < kRanks; ++rank) {
    EXPECT_NE(liveness_table_.reason(rank).find(
                  "failed on rank 2 (it waits in the checkpoint of step 17, "
                  "the others in the update of step 17)"),
              std::string::npos)
        << liveness_table_.reason(rank);
  }
}

// All ranks wait at one synchronization point because a message was lost. No rank is at fault, but
// the wait ends.
TEST_F(WatchTest, AWaitOfAllForEachOtherEnds) {
  start_waiting(1, 2, {0, kRanks}, SyncPoint::exchange);
  start_waiting(2, 0, {0, kRanks}, SyncPoint::exchange);
  Watch watch = waiting_watch(2 * kStall, 1, SyncPoint::exchange);
  EXPECT_NE(verdict(watch).find("all wait for each other for 0.8 s"), std::string::npos);
}

TEST_F(WatchTest, DisagreeNamesTheMinorityAndTheHigherOfTwo) {
  const auto story = [this](std::vector<SyncPoint> sync_points, std::vector<std::int64_t> steps) {
    const auto ranks = static_cast<int>(sync_points.size());
    for (int rank = 0; rank < ranks; ++rank) {
      const auto i = static_cast<std::size_t>(rank);
      join(rank, Activity::training, steps[i]);
      wait_at(rank, kAllRanks, sync_points[i]);
    }
    Watch watch(liveness_table_, 0, kNever);
    watch.begin(kAllRanks, {0, ranks}, sync_points[0]);
    try {
      watch.throw_disagreement();
    } catch (const SystemError& error) {
      const std::string what = error.what();
      return what.substr(what.find("rank "));
    }
  };
  const auto u = SyncPoint::update, s = SyncPoint::stage, e = SyncPoint::end;
  EXPECT_EQ(story({u, s}, {1, 1}),
            "rank 1 (it waits in the stage of step 1, the others in the update of step 1)");
  EXPECT_EQ(story({u, u, u}, {1, 2, 2}),
            "rank 0 (it waits in the update of step 1, the others in the update of step 2)");
  EXPECT_EQ(story({u, s, s, u}, {1, 1, 1, 1}),
            "rank 0 (and 1 more) (it waits in the update of step 1, the others in the stage of "
            "step 1)");
  EXPECT_EQ(story({u, u, s, e}, {1, 1, 1, 1}),
            "rank 3 (it waits in the end of step 1, rank 0 in the update of step 1)");
  EXPECT_NE(story({u, u}, {1, 1}).find("rank (it is at another synchronization point)"),
            std::string::npos);
}

// After a stop of this process, the other ranks get the time of the stop in addition.
TEST_F(WatchTest, AWatchThatWasStoppedNamesNoRank) {
  std::atomic<std::int32_t>& over = liveness_table_[2].exit_code;
  const pid_t child = start(1, [&] {
    Watch watch(liveness_table_, 1, 2 * kStall);
    watch.begin(0, {0, kRanks}, SyncPoint::update);
    for (; over == 0; usleep(20'000)) watch.look(nullptr);
    return 0;
  });
  const auto work = [this](double seconds) {
    for (Stopwatch time; time.seconds() < seconds; usleep(5000)) ++liveness_table_[0].heartbeat;
  };
  work(kStall);
  kill(child, SIGSTOP);
  usleep(1'500'000);
  kill(child, SIGCONT);
  work(3 * kStall);
  over = 1;
  EXPECT_EQ(children_.join(), std::vector{0});
}

TEST_F(WatchTest, AfterSigtermOnlyRanksThatAreSeenToLiveAreWaitedFor) {
  start_working(1);
  Watch watch = waiting_watch(kNever, 1);
  watch.on_sigterm();
  EXPECT_NO_THROW(look_often(watch, 0.8));
  watch.begin(3, {0, kRanks}, SyncPoint::exchange);
  EXPECT_EQ(verdict(watch),
            "the exchange of step 17 failed on rank 3 (stopped while waiting for rank 3 for half a "
            "second after SIGTERM)");
}

TEST_F(WatchTest, ARankElsewhereThatGivesNoAnswerIsNamed) {
  Mailbox mailbox;
  mailbox.answers = {Mailbox::status(1, SyncPoint::exchange),
                     Mailbox::status(3, SyncPoint::exchange)};
  Watch watch = waiting_watch(kStall, 1, SyncPoint::exchange);
  EXPECT_EQ(
      verdict(watch, &mailbox),
      "the exchange of step 17 failed on rank 2 (no response for 0.4 s, and it gave no answer)");
  ASSERT_FALSE(mailbox.told.empty());
  EXPECT_EQ(mailbox.told[0].rank, 0);
  EXPECT_EQ(mailbox.told[0].sync_point, static_cast<int>(SyncPoint::exchange));
  EXPECT_EQ(mailbox.told[0].step, 17);
}

TEST_F(WatchTest, ARankElsewhereThatWaitsForSomethingElseIsNamed) {
  Mailbox mailbox;
  mailbox.answers = {Mailbox::status(1, SyncPoint::update), Mailbox::status(2, SyncPoint::exchange),
                     Mailbox::status(3, SyncPoint::exchange)};
  Watch watch = waiting_watch(kStall, kAllRanks, SyncPoint::exchange);
  EXPECT_EQ(verdict(watch, &mailbox),
            "the exchange of step 17 failed on rank 1 (it waits in the update of step 17, the "
            "others in the exchange of step 17)");
  EXPECT_GE(mailbox.told.size(), 2U) << "it may have come just before it answered";
}

// The first rank of this memory domain waits for a message from another machine, and this rank
// waits for the first one.
TEST_F(WatchTest, TheRankElsewhereIsNamedThatOurDomainWaitsFor) {
  start_waiting(1, kAllRanks, {0, kRanks}, SyncPoint::exchange);
  Mailbox mailbox;
  mailbox.answers = {Mailbox::status(2, SyncPoint::exchange)};
  Watch watch(liveness_table_, 0, kStall);
  watch.see_processes();
  watch.begin(kDomainRanks, {0, 2}, SyncPoint::exchange);
  EXPECT_NE(verdict(watch, &mailbox).find("failed on rank 3 (no response"), std::string::npos);
}

TEST_F(WatchTest, ARankThatIsAskedAnswersOnce) {
  Mailbox mailbox;
  mailbox.incoming = {Mailbox::status(1, SyncPoint::exchange),
                      Mailbox::status(9, SyncPoint::exchange)};
  mailbox.answers = {Mailbox::status(2, SyncPoint::exchange)};
  Watch watch = waiting_watch(kNever, 1, SyncPoint::exchange);
  EXPECT_NO_THROW(look_often(watch, 0.3, &mailbox));
  EXPECT_EQ(mailbox.told.size(), 1U);
}

TEST_F(WatchTest, WithoutMessagesARankElsewhereIsNotWaitedForInVain) {
  Watch watch = waiting_watch(kStall, 2);
  EXPECT_NE(verdict(watch).find("failed on rank 2 (no response for 0.4 s"), std::string::npos);
}

TEST(Processes, EndIsSeenWithoutWaitingForThem) {
  Children children;
  const pid_t lives = children.start([]() -> int {
    for (;;) pause();
  });
  const pid_t dies = children.start([] { return 3; });
  Processes made;
  made.add(1, lives);
  made.add(2, dies);
  Processes processes = std::move(made);
  EXPECT_EQ(made.gone(), std::nullopt);  // NOLINT: it is empty
  while (!processes.gone()) usleep(1000);
  EXPECT_EQ(processes.gone(), 2);
  EXPECT_FALSE(processes.gone(1));
  processes.remove(2);
  EXPECT_EQ(processes.gone(), std::nullopt);
  kill(lives, SIGSTOP);  // is not the end
  EXPECT_EQ(processes.gone(), std::nullopt);
  kill(lives, SIGKILL);
  EXPECT_EQ(children.join(), (std::vector{128 + SIGKILL, 3}));
  EXPECT_EQ(processes.gone(), 1);
  processes.add(1, dies);  // it was waited for before it was added
  EXPECT_TRUE(processes.gone(1));
}

}  // namespace
}  // namespace convoy::test
