// SPDX-License-Identifier: Apache-2.0
#include "parallel/watch.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "base/check.hpp"
#include "tests/parallel/children.hpp"
#include "tests/parallel/mailbox.hpp"

namespace convoy::test {
namespace {

constexpr double kStall = 0.4;   // seconds; short, where a rank is to be found silent
constexpr double kNever = 1000;  // where none is

// This process is rank 0; others are children, or entries that the test writes.
class WatchTest : public testing::Test {
 protected:
  static constexpr int kRanks = 4;

  WatchTest()
      : board_(memory_for_children(static_cast<std::size_t>(Board::bytes(kRanks))), kRanks) {
    join(0);
  }

  void join(int rank, Activity activity = Activity::training, std::int64_t step = 17) {
    BoardEntry& entry = board_[rank];
    entry.activity = static_cast<std::uint8_t>(activity);
    entry.step = step;
    entry.sequence = static_cast<std::uint32_t>(step);
    entry.pid = getpid();
  }
  void wait_at(int rank, int waits_for, Meeting meeting) {
    board_[rank].meeting = static_cast<std::uint8_t>(meeting);
    board_[rank].waits_for = waits_for;
    board_[rank].waiting = 1;
  }
  pid_t start(int rank, const std::function<int()>& work) {
    const pid_t child = children_.start([&, rank] {
      join(rank);
      return work();
    });
    while (board_[rank].pid == 0) usleep(1000);
    return child;
  }
  // As a program does that ends with an error.
  void fail(int rank, const std::string& reason) {
    board_.set_reason(rank, reason);
    board_[rank].activity = static_cast<std::uint8_t>(Activity::failed);
  }
  // A child that waits and looks, and fails with what it threw.
  void start_waiting(int rank, int waits_for, Range among, Meeting meeting) {
    start(rank, [this, rank, waits_for, among, meeting] {
      Watch watch(board_, rank, kNever);
      watch.begin(waits_for, among, meeting);
      fail(rank, verdict(watch));
      return 0;
    });
    while (board_[rank].waiting == 0) usleep(1000);
  }
  pid_t start_working(int rank) {
    return start(rank, [this, rank]() -> int {
      for (;;) {
        ++board_[rank].pulse;
        usleep(5000);
      }
    });
  }

  static void look_often(Watch& watch, double seconds, Transport* transport = nullptr) {
    for (Stopwatch time; time.seconds() < seconds; usleep(20'000)) watch.look(transport);
  }
  // What a wait ends with.
  static std::string verdict(Watch& watch, Transport* transport = nullptr) {
    try {
      look_often(watch, 60, transport);
    } catch (const SystemError& error) {
      return error.fault() == Fault::peer ? error.what() : "another fault";
    }
    return "hangs";
  }
  Watch waiting_watch(double stall, int waits_for = kEveryone, Meeting meeting = Meeting::update) {
    Watch watch(board_, 0, stall);
    watch.see_processes();
    watch.begin(waits_for, {0, kRanks}, meeting);
    return watch;
  }

  Board board_;
  Children children_;  // end before the board goes
};

// Also a zombie, which nobody has waited for.
TEST_F(WatchTest, ADeadProcessIsNamed) {
  start_working(1);
  const pid_t child = start_working(2);
  start_working(3);
  Watch watch = waiting_watch(kNever);
  EXPECT_NO_THROW(look_often(watch, 0.1));
  kill(child, SIGKILL);
  const std::string dead =
      "the update of step 17 failed on rank 2 (its process is gone; it was in step 17, training)";
  EXPECT_EQ(verdict(watch), dead);
  EXPECT_EQ(board_[0].waits_for, 2);  // for those who wait for us
  Watch other = waiting_watch(kNever, 1);
  EXPECT_EQ(verdict(other), dead) << "though not waited for";
}

TEST_F(WatchTest, AFailedRankIsNamedWithItsReason) {
  start_working(1);
  start(2, [&] {
    board_.set_reason(2, "disk full");
    board_[2].activity = static_cast<std::uint8_t>(Activity::failed);
    return 74;
  });
  join(3);
  Watch watch = waiting_watch(kNever, 1);
  EXPECT_EQ(verdict(watch), "the update of step 17 failed on rank 2 (it failed: disk full)");
}

// Ranks that fail because of another are not taken for the cause.
TEST_F(WatchTest, TheFirstOfAChainOfFailuresIsNamed) {
  join(1, Activity::failed);
  board_.set_reason(1, "the update of step 17 failed on rank 2 (it failed: ...)");
  wait_at(1, 2, Meeting::update);
  join(2, Activity::failed);
  board_.set_reason(2, "the update of step 17 failed on rank 3 (its process is gone)");
  wait_at(2, 3, Meeting::update);
  const pid_t child = start_working(3);
  Watch watch = waiting_watch(kNever);
  EXPECT_NE(verdict(watch).find("failed on rank 3 (rank 2 says: "), std::string::npos);
  kill(child, SIGKILL);
  while (verdict(watch).find("failed on rank 3 (its process is gone;") == std::string::npos) {
    usleep(1000);
  }
  join(3, Activity::failed);
  board_.set_reason(3, "disk full");
  EXPECT_NE(verdict(watch).find("failed on rank 3 (it failed: disk full)"), std::string::npos);
  // One that blames us: its own words.
  board_[2].waits_for = 0;
  EXPECT_NE(verdict(watch).find("failed on rank 2 (it failed: the update"), std::string::npos);
}

TEST_F(WatchTest, WhoLeftIsNamedOnceItIsWaitedFor) {
  start_working(1);
  start(2, [&] {
    board_[2].activity = static_cast<std::uint8_t>(Activity::left);
    return 0;
  });
  join(3);
  Watch watch = waiting_watch(kNever, 1);
  EXPECT_NO_THROW(look_often(watch, 0.2));
  watch.end();
  watch.begin(kEveryone, {0, kRanks}, Meeting::checkpoint);
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
            "the update of step 17 failed on rank 2 (no sign of life for 1 s, the stall timeout; "
            "it is in step 17, "
            "training, and waits for nobody)");
}

TEST_F(WatchTest, SeveralSilentRanksAreCounted) {
  for (const int rank : {1, 2, 3}) join(rank, Activity::evaluating, rank);
  wait_at(1, kEveryone, Meeting::stage);  // or so it says: those who wait for nobody come first
  Watch watch = waiting_watch(kStall);
  EXPECT_EQ(verdict(watch),
            "the update of step 17 failed on rank 2 (and 1 more) (no sign of life for 0.4 s, the "
            "stall timeout; it is "
            "in step 2, evaluating, and waits for nobody)");
}

// Stopped in a meeting that is long over: it does not look any more.
TEST_F(WatchTest, WhoIsStoppedWhileItWaitsIsNamed) {
  for (const int rank : {2, 3}) start_working(rank);
  join(1, Activity::training, 16);
  wait_at(1, kEveryone, Meeting::update);
  Watch watch = waiting_watch(2 * kStall);
  EXPECT_EQ(verdict(watch),
            "the update of step 17 failed on rank 1 (no sign of life for 0.8 s, the stall timeout; "
            "it is in step 16, "
            "training, and waits for all in the update)");
}

TEST_F(WatchTest, WhomTheAwaitedRankWaitsForIsNamed) {
  start_waiting(1, 2, {0, kRanks}, Meeting::exchange);
  start_waiting(2, 3, {0, kRanks}, Meeting::exchange);
  join(3);
  Watch watch = waiting_watch(2 * kStall, 1, Meeting::exchange);
  EXPECT_NE(verdict(watch).find("failed on rank 3 (no sign of life"), std::string::npos);
}

// By all ranks, whether they find it out themselves or hear it from one that did.
TEST_F(WatchTest, TheRankThatWaitsElsewhereIsNamed) {
  start_waiting(1, kEveryone, {0, kRanks}, Meeting::update);
  start_waiting(2, kEveryone, {0, kRanks}, Meeting::checkpoint);
  start_waiting(3, kEveryone, {0, kRanks}, Meeting::update);
  Watch watch = waiting_watch(kNever);
  fail(0, verdict(watch));
  EXPECT_EQ(children_.join(), std::vector<int>(3, 0));
  for (int rank = 0; rank < kRanks; ++rank) {
    EXPECT_NE(board_.reason(rank).find("failed on rank 2 (it waits in the checkpoint of step 17, "
                                       "the others in the update of step 17)"),
              std::string::npos)
        << board_.reason(rank);
  }
}

// Ranks at one place for ever: a message was lost. Nobody is at fault, but nobody hangs.
TEST_F(WatchTest, AWaitOfAllForEachOtherEnds) {
  start_waiting(1, 2, {0, kRanks}, Meeting::exchange);
  start_waiting(2, 0, {0, kRanks}, Meeting::exchange);
  Watch watch = waiting_watch(2 * kStall, 1, Meeting::exchange);
  EXPECT_NE(verdict(watch).find("all wait for each other for 0.8 s"), std::string::npos);
}

TEST_F(WatchTest, DisagreeNamesTheMinorityAndTheHigherOfTwo) {
  const auto story = [this](std::vector<Meeting> meetings, std::vector<std::int64_t> steps) {
    const auto ranks = static_cast<int>(meetings.size());
    for (int rank = 0; rank < ranks; ++rank) {
      const auto i = static_cast<std::size_t>(rank);
      join(rank, Activity::training, steps[i]);
      wait_at(rank, kEveryone, meetings[i]);
    }
    Watch watch(board_, 0, kNever);
    watch.begin(kEveryone, {0, ranks}, meetings[0]);
    try {
      watch.disagree();
    } catch (const SystemError& error) {
      const std::string what = error.what();
      return what.substr(what.find("rank "));
    }
  };
  const auto u = Meeting::update, s = Meeting::stage, e = Meeting::end;
  EXPECT_EQ(story({u, s}, {1, 1}),
            "rank 1 (it waits in the stage of step 1, the others in the update of step 1)");
  EXPECT_EQ(story({u, u, u}, {1, 2, 2}),
            "rank 0 (it waits in the update of step 1, the others in the update of step 2)");
  EXPECT_EQ(story({u, s, s, u}, {1, 1, 1, 1}),
            "rank 0 (and 1 more) (it waits in the update of step 1, the others in the stage of "
            "step 1)");
  EXPECT_EQ(story({u, u, s, e}, {1, 1, 1, 1}),
            "rank 3 (it waits in the end of step 1, rank 0 in the update of step 1)");
  EXPECT_NE(story({u, u}, {1, 1}).find("rank (it came for something else)"), std::string::npos);
}

// Where this process was stopped, the others get the time that they missed.
TEST_F(WatchTest, AWatchThatWasStoppedAccusesNobody) {
  std::atomic<std::int32_t>& over = board_[2].exit_code;
  const pid_t child = start(1, [&] {
    Watch watch(board_, 1, 2 * kStall);
    watch.begin(0, {0, kRanks}, Meeting::update);
    for (; over == 0; usleep(20'000)) watch.look(nullptr);
    return 0;
  });
  const auto work = [this](double seconds) {
    for (Stopwatch time; time.seconds() < seconds; usleep(5000)) ++board_[0].pulse;
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
  watch.hurry();
  EXPECT_NO_THROW(look_often(watch, 0.8));
  watch.begin(3, {0, kRanks}, Meeting::exchange);
  EXPECT_EQ(verdict(watch),
            "the exchange of step 17 failed on rank 3 (stopped while waiting for rank 3 for half a "
            "second after SIGTERM)");
}

TEST_F(WatchTest, ARankElsewhereThatGivesNoAnswerIsNamed) {
  Mailbox mailbox;
  mailbox.answers = {Mailbox::status(1, Meeting::exchange), Mailbox::status(3, Meeting::exchange)};
  Watch watch = waiting_watch(kStall, 1, Meeting::exchange);
  EXPECT_EQ(verdict(watch, &mailbox),
            "the exchange of step 17 failed on rank 2 (no sign of life for 0.4 s, and it gave no "
            "answer)");
  ASSERT_FALSE(mailbox.told.empty());
  EXPECT_EQ(mailbox.told[0].rank, 0);
  EXPECT_EQ(mailbox.told[0].meeting, static_cast<int>(Meeting::exchange));
  EXPECT_EQ(mailbox.told[0].step, 17);
}

TEST_F(WatchTest, ARankElsewhereThatWaitsForSomethingElseIsNamed) {
  Mailbox mailbox;
  mailbox.answers = {Mailbox::status(1, Meeting::update), Mailbox::status(2, Meeting::exchange),
                     Mailbox::status(3, Meeting::exchange)};
  Watch watch = waiting_watch(kStall, kEveryone, Meeting::exchange);
  EXPECT_EQ(verdict(watch, &mailbox),
            "the exchange of step 17 failed on rank 1 (it waits in the update of step 17, the "
            "others in the exchange of step 17)");
  EXPECT_GE(mailbox.told.size(), 2U) << "it may have come just before it answered";
}

// The first rank of our node waits for a message from another machine, and we for the first one.
TEST_F(WatchTest, TheRankElsewhereIsNamedThatOurNodeWaitsFor) {
  start_waiting(1, kEveryone, {0, kRanks}, Meeting::exchange);
  Mailbox mailbox;
  mailbox.answers = {Mailbox::status(2, Meeting::exchange)};
  Watch watch(board_, 0, kStall);
  watch.see_processes();
  watch.begin(kNodeMates, {0, 2}, Meeting::exchange);
  EXPECT_NE(verdict(watch, &mailbox).find("failed on rank 3 (no sign of life"), std::string::npos);
}

TEST_F(WatchTest, WhoIsAskedAnswersOnce) {
  Mailbox mailbox;
  mailbox.incoming = {Mailbox::status(1, Meeting::exchange), Mailbox::status(9, Meeting::exchange)};
  mailbox.answers = {Mailbox::status(2, Meeting::exchange)};
  Watch watch = waiting_watch(kNever, 1, Meeting::exchange);
  EXPECT_NO_THROW(look_often(watch, 0.3, &mailbox));
  EXPECT_EQ(mailbox.told.size(), 1U);
}

TEST_F(WatchTest, WithoutMessagesARankElsewhereIsNotWaitedForInVain) {
  Watch watch = waiting_watch(kStall, 2);
  EXPECT_NE(verdict(watch).find("failed on rank 2 (no sign of life for 0.4 s"), std::string::npos);
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
  processes.add(1, dies);  // was waited for before it was added
  EXPECT_TRUE(processes.gone(1));
}

}  // namespace
}  // namespace convoy::test
