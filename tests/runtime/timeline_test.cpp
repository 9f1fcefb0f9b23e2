// SPDX-License-Identifier: Apache-2.0
// Timelines: no time is counted twice or lost, and no weight changes.
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

std::int64_t sum_of_totals(const Track& track) {
  std::int64_t sum = 0;
  for (std::int32_t kind = 0; kind < kTimeKinds; ++kind) sum += track.total(TimeKind{kind});
  for (Index stage = 0; stage < kStages; ++stage) sum += track.total_of_stage(stage);
  return sum;
}

std::map<std::int32_t, std::int64_t> totals_of_marks(const Track& track) {
  std::map<std::int32_t, std::int64_t> totals;
  std::int64_t last = 0;
  for (const TimeMark& mark : track.marks()) {
    if (mark.what != kNothing) totals[mark.what] += mark.tick - last;
    last = mark.tick;
  }
  return totals;
}

TEST(Timeline, TotalsAreThoseOfTheEvents) {
  Track track(kStages, kEvents);
  for (int step = 0; step < 20; ++step) {
    track.start();
    track.step(step);
    track.record(TimeKind::input);
    for (Index stage = 0; stage < kStages; ++stage) {
      track.record_stage(stage);
      track.record(TimeKind::waiting);
      track.end_barrier_after_stage();
    }
    track.begin_turns();
    for (int turn = 0; turn < 5; ++turn) {
      track.turn(TimeKind::reduction);
      track.turn(TimeKind::update);
    }
    track.end_turns();
  }
  const auto totals = totals_of_marks(track);
  for (const TimeKind kind :
       {TimeKind::input, TimeKind::waiting, TimeKind::reduction, TimeKind::update}) {
    EXPECT_EQ(totals.at(number_of(kind)), track.total(kind));
  }
  std::int64_t barriers = 0;
  for (Index stage = 0; stage < kStages; ++stage) {
    EXPECT_EQ(totals.at(static_cast<std::int32_t>(kTimeKinds + stage)),
              track.total_of_stage(stage));
    barriers += track.barriers_after_stage(stage);
  }
  EXPECT_EQ(barriers, track.total(TimeKind::waiting));
  EXPECT_EQ(track.missing_from(), -1);
}

TEST(Timeline, EventsAreBoundedAndTotalsContinue) {
  for (const Index events : {0, 1, 2, 7, 8, 9}) {
    Track track(kStages, events);
    const std::int64_t begin = ticks();
    track.start();
    for (Index step = 0; step < 10; ++step) {  // four events each; one exists already
      track.step(step);
      track.record(TimeKind::input);
      track.record_stage(0);
      track.record_stage(1);
      track.record(TimeKind::update);
    }
    EXPECT_EQ(static_cast<Index>(track.marks().size()), events);
    EXPECT_EQ(track.missing_from(), events == 0 ? 0 : (events - 1) / 4) << events;
    EXPECT_GE(track.total(TimeKind::update), totals_of_marks(track)[number_of(TimeKind::update)]);
    EXPECT_LE(sum_of_totals(track), ticks() - begin);
    if (!track.marks().empty()) {
      const std::int64_t last_seen = track.marks().back().tick;
      track.record(track.marks().back().what == number_of(TimeKind::input) ? TimeKind::input
                                                                           : TimeKind::update);
      EXPECT_EQ(track.marks().back().tick, last_seen) << "what is missing is no part of an event";
    }
  }
}

TEST(Timeline, ConsecutiveIntervalsOfOneKindAreMerged) {
  Track track(kStages, kEvents);
  track.start();
  for (int i = 0; i < 5; ++i) track.record(TimeKind::waiting);
  track.record(TimeKind::update);
  ASSERT_EQ(track.marks().size(), 3u);
  EXPECT_EQ(totals_of_marks(track)[number_of(TimeKind::waiting)], track.total(TimeKind::waiting));
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
    EXPECT_GE(worker.stages_with_barriers[s], worker.stages[s]);
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
  const bool messages = layout.domains.size() > 1;
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
    for (const RunLayout& layout : std::vector<RunLayout>{
             {1, Parallelism::data, "auto"},
             {1, Parallelism::data, "auto", {1}, Parallelism::data, Reduction::tree, false},
             {3, Parallelism::data, "auto"},
             {3, Parallelism::tensor, "auto"},
             {2, Parallelism::data, "auto", {2}},
             {2, Parallelism::data, "auto", {1, 1}},
             {1, Parallelism::data, "auto", {2, 1}},
             {1, Parallelism::data, "auto", {1, 1}, Parallelism::data, Reduction::root},
             {2, Parallelism::tensor, "auto", {2}, Parallelism::tensor},
             {2, Parallelism::data, "auto", {2}, Parallelism::tensor},
             {1, Parallelism::data, "auto", {1, 1}, Parallelism::tensor}}) {
      SCOPED_TRACE(problem.name + ": " + describe(layout));
      run_ranks(layout.domains, [&](Communicator& communicator) {
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

// Two memory domains halve (parallel/tree_reduce.hpp): each sends a half of its gradient with its
// step metrics (64 bytes), then a half of the sum.
TEST(Timeline, CountsTheBytesOfTheMessages) {
  const Problem& problem = test::problem("classic");
  run_ranks({1, 1}, [&](Communicator& communicator) {
    Timeline timeline;
    RunLayout layout{1, Parallelism::data, "auto", {1, 1}};
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
