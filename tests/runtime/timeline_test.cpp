// SPDX-License-Identifier: Apache-2.0
// Where the time goes: nothing is counted twice, nothing is lost, nothing shows in a weight.
#include "runtime/timeline.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "runtime/timings.hpp"
#include "tests/parallel/thread_communicator.hpp"
#include "tests/runtime/runs.hpp"
#include "train/checkpoint.hpp"

namespace convoy::test {
namespace {

constexpr Index kStages = 3;
constexpr Sizes kSizes{64, 16, 2};
constexpr Index kSteps = 4, kEvents = 10'000;

std::int64_t sum_of_totals(const Lane& lane) {
  std::int64_t sum = 0;
  for (std::int32_t kind = 0; kind < kTimeKinds; ++kind) sum += lane.total(TimeKind{kind});
  for (Index stage = 0; stage < kStages; ++stage) sum += lane.total_of_stage(stage);
  return sum;
}

std::map<std::int32_t, std::int64_t> totals_of_marks(const Lane& lane) {
  std::map<std::int32_t, std::int64_t> totals;
  std::int64_t last = 0;
  for (const TimeMark& mark : lane.marks()) {
    if (mark.what != kNothing) totals[mark.what] += mark.tick - last;
    last = mark.tick;
  }
  return totals;
}

TEST(Timeline, TotalsAreThoseOfTheEvents) {
  Lane lane(kStages, kEvents);
  for (int step = 0; step < 20; ++step) {
    lane.start();
    lane.step(step);
    lane.lap(TimeKind::input);
    for (Index stage = 0; stage < kStages; ++stage) {
      lane.lap_stage(stage);
      lane.lap(TimeKind::waiting);
      lane.met_after_stage();
    }
    lane.begin_turns();
    for (int turn = 0; turn < 5; ++turn) {
      lane.turn(TimeKind::reduction);
      lane.turn(TimeKind::update);
    }
    lane.end_turns();
  }
  const auto totals = totals_of_marks(lane);
  for (const TimeKind kind :
       {TimeKind::input, TimeKind::waiting, TimeKind::reduction, TimeKind::update}) {
    EXPECT_EQ(totals.at(number_of(kind)), lane.total(kind));
  }
  std::int64_t meetings = 0;
  for (Index stage = 0; stage < kStages; ++stage) {
    EXPECT_EQ(totals.at(static_cast<std::int32_t>(kTimeKinds + stage)), lane.total_of_stage(stage));
    meetings += lane.meetings_after_stage(stage);
  }
  EXPECT_EQ(meetings, lane.total(TimeKind::waiting));
  EXPECT_EQ(lane.missing_from(), -1);
}

TEST(Timeline, EventsAreBoundedAndTotalsGoOn) {
  for (const Index events : {0, 1, 2, 7, 8, 9}) {
    Lane lane(kStages, events);
    const std::int64_t begin = ticks();
    lane.start();
    for (Index step = 0; step < 10; ++step) {  // four events each; one is there already
      lane.step(step);
      lane.lap(TimeKind::input);
      lane.lap_stage(0);
      lane.lap_stage(1);
      lane.lap(TimeKind::update);
    }
    EXPECT_EQ(static_cast<Index>(lane.marks().size()), events);
    EXPECT_EQ(lane.missing_from(), events == 0 ? 0 : (events - 1) / 4) << events;
    EXPECT_GE(lane.total(TimeKind::update), totals_of_marks(lane)[number_of(TimeKind::update)]);
    EXPECT_LE(sum_of_totals(lane), ticks() - begin);
    if (!lane.marks().empty()) {
      const std::int64_t last_seen = lane.marks().back().tick;
      lane.lap(lane.marks().back().what == number_of(TimeKind::input) ? TimeKind::input
                                                                      : TimeKind::update);
      EXPECT_EQ(lane.marks().back().tick, last_seen) << "what is missing is no part of an event";
    }
  }
}

TEST(Timeline, OneAfterAnotherOfTheSameKindAreOne) {
  Lane lane(kStages, kEvents);
  lane.start();
  for (int i = 0; i < 5; ++i) lane.lap(TimeKind::waiting);
  lane.lap(TimeKind::update);
  ASSERT_EQ(lane.marks().size(), 3u);
  EXPECT_EQ(totals_of_marks(lane)[number_of(TimeKind::waiting)], lane.total(TimeKind::waiting));
}

// One worker's share of the checks of a whole job.
void check_worker(const RankTimings& rank, const WorkerTimings& worker) {
  SCOPED_TRACE("rank " + std::to_string(worker.rank) + " thread " + std::to_string(worker.thread));
  EXPECT_LE(worker.known(), rank.seconds * 1.0001 + 1e-6) << "of the same steps";
  std::vector<double> seconds(static_cast<std::size_t>(kTimeKinds) + rank.stages.size());
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  for_each_event(rank, worker, [&](std::int32_t what, std::int64_t begin, std::int64_t end) {
    EXPECT_LE(last, begin);
    EXPECT_LE(begin, end);
    last = end;
    seconds[static_cast<std::size_t>(what)] += 1e-9 * static_cast<double>(end - begin);
  });
  for (std::size_t kind = 0; kind < static_cast<std::size_t>(kTimeKinds); ++kind) {
    EXPECT_NEAR(seconds[kind], worker.kinds[kind], 1e-5) << kind;
  }
  for (std::size_t s = 0; s < rank.stages.size(); ++s) {
    EXPECT_NEAR(seconds[static_cast<std::size_t>(kTimeKinds) + s], worker.stages[s], 1e-5);
    EXPECT_GE(worker.stages_with_meetings[s], worker.stages[s]);
    EXPECT_GT(worker.stages[s], 0) << rank.stages[s].name();
  }
  EXPECT_GT(worker.seconds_of(TimeKind::input), 0);
  EXPECT_GT(worker.seconds_of(TimeKind::update), 0);
}

void check(const Timings& timings, const RunLayout& layout) {
  EXPECT_EQ(timings.steps, kSteps);
  ASSERT_EQ(timings.ranks.size(), static_cast<std::size_t>(layout.ranks()));
  for (const RankTimings& rank : timings.ranks) {
    ASSERT_EQ(rank.workers.size(), static_cast<std::size_t>(layout.threads));
    for (const WorkerTimings& worker : rank.workers) check_worker(rank, worker);
    EXPECT_LE(rank.seconds, timings.seconds);
    EXPECT_GT(rank.peak_memory_bytes, 0u);
  }
  const WorkerTimings& first = timings.ranks[0].workers[0];
  if (layout.threads == 1 && layout.ranks() == 1) {  // others wait for threads to start
    EXPECT_GT(first.known(), timings.seconds / 2) << "little is left over";
  }
  EXPECT_GT(first.seconds_of(TimeKind::evaluation), 0);
  const bool messages = layout.nodes.size() > 1;
  EXPECT_EQ(timings.bytes_sent() > 0, messages);
  EXPECT_EQ(first.seconds_of(TimeKind::communication) > 0, messages);
  EXPECT_EQ(timings.missing_from(), -1);
  EXPECT_TRUE(timings.one_machine());
  double slowest = 0;
  for (const StageTimings& stage : timings.stages()) slowest += stage.seconds;
  EXPECT_GE(slowest, first.compute());
}

std::string digest_after_steps(const Problem& problem, const RunLayout& layout,
                               Communicator& communicator) {
  const Dataset data = data_for(problem, kSizes.samples);
  Machine machine(problem, kSizes, layout, communicator);
  machine.engine->set_state(initial_state(problem));
  run_steps(*machine.engine, problem, data, kSizes.batch, {0, kSteps});
  const std::vector<std::uint32_t> samples{0, 1, 2, 3, 4};
  machine.engine->evaluate(data, samples);
  return state_sha256(problem.net, machine.engine->state(), 0);
}

TEST(Timeline, OfEveryLayoutIsWholeAndChangesNothing) {
  for (const char* name : {"classic", "readers"}) {
    const Problem& problem = test::problem(name);
    const std::string wanted = digest_after_steps(problem, {}, *alone());
    for (const RunLayout& layout :
         std::vector<RunLayout>{{1, Cut::data, "auto"},
                                {1, Cut::data, "auto", {1}, Cut::data, Reduction::tree, false},
                                {3, Cut::data, "auto"},
                                {3, Cut::tensor, "auto"},
                                {2, Cut::data, "auto", {2}},
                                {2, Cut::data, "auto", {1, 1}},
                                {1, Cut::data, "auto", {2, 1}},
                                {1, Cut::data, "auto", {1, 1}, Cut::data, Reduction::root},
                                {2, Cut::tensor, "auto", {2}, Cut::tensor},
                                {2, Cut::data, "auto", {2}, Cut::tensor},
                                {1, Cut::data, "auto", {1, 1}, Cut::tensor}}) {
      SCOPED_TRACE(problem.name + ": " + describe(layout));
      run_ranks(layout.nodes, [&](Communicator& communicator) {
        Timeline timeline(kEvents);
        RunLayout mine = layout;
        mine.timeline = &timeline;
        EXPECT_EQ(digest_after_steps(problem, mine, communicator), wanted);
        const Timings timings = gather_timings(timeline, communicator);
        if (communicator.rank() > 0) {
          EXPECT_TRUE(timings.ranks.empty());
        } else {
          check(timings, layout);
        }
      });
    }
  }
}

// Two nodes halve (parallel/tree_reduce.hpp): each sends a half of its gradient with its tally (64
// bytes), then a half of the sum.
TEST(Timeline, CountsTheBytesOfTheMessages) {
  const Problem& problem = test::problem("classic");
  run_ranks({1, 1}, [&](Communicator& communicator) {
    Timeline timeline;
    RunLayout layout{1, Cut::data, "auto", {1, 1}};
    layout.timeline = &timeline;
    digest_after_steps(problem, layout, communicator);
    EXPECT_EQ(static_cast<Index>(timeline.bytes_sent()),
              kSteps * (64 + Index{sizeof(float)} * problem.net.arena_size()));
  });
}

TEST(Timeline, WithoutFusionEveryLayerHasItsStages) {
  const Problem& problem = test::problem("classic");
  for (const bool fuse : {true, false}) {
    Timeline timeline;
    RunLayout layout;
    layout.fuse = fuse;
    layout.timeline = &timeline;
    const auto communicator = alone();
    digest_after_steps(problem, layout, *communicator);
    std::set<std::string> forward;
    for (const StageTimings& stage : gather_timings(timeline, *communicator).stages()) {
      EXPECT_TRUE(fuse || stage.layers.size() == 1) << stage.name();
      if (stage.pass == "forward") forward.insert(stage.layers.begin(), stage.layers.end());
    }
    EXPECT_EQ(forward.size(), problem.net.layers().size()) << "each is in one of them";
  }
}

}  // namespace
}  // namespace convoy::test
