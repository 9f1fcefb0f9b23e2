// SPDX-License-Identifier: Apache-2.0
// The timelines of all ranks, in seconds, for reports.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"
#include "runtime/timeline.hpp"

namespace convoy {

struct StageTimings {
  std::vector<std::string> layers;  // several where they are fused
  std::string pass;                 // "forward", "loss", "weight gradient" ...
  double seconds = 0;

  std::string name() const;  // "conv1+relu+pool1 forward", "loss"
};

struct WorkerTimings {
  double seconds_of(TimeKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  double compute() const;  // all stages
  double known() const;    // all time that belongs to steps

  int rank = 0, thread = 0;
  std::array<double, kTimeKinds> kinds{};
  // For each stage of its rank: the time of its own part, and that with the barrier after it.
  std::vector<double> stages, stages_with_barriers;
  std::vector<TimeMark> marks;  // RankTimings::nanoseconds converts their ticks
};

struct RankTimings {
  // Converts a tick of this rank to nanoseconds on the clock of rank 0.
  std::int64_t nanoseconds(std::int64_t tick) const;

  std::vector<StageTimings> stages;  // names alone, in the order of training
  std::vector<WorkerTimings> workers;
  double seconds = 0;  // wall time of the steps
  std::uint64_t bytes_sent = 0;
  std::uint64_t peak_memory_bytes = 0;
  Index missing_from = -1;  // the first step without all its events; -1: none
  bool near = true;         // on the host of rank 0, so with the same clock
  TickScale::Reading begin;
  double nanoseconds_per_tick = 1;
};

struct Timings {
  Index steps = 0;
  double seconds = 0;  // wall time of these steps, of the rank that took longest
  std::vector<RankTimings> ranks;

  // For each stage of any rank, the time of the worker that took longest, with the barrier after
  // it. Ranks may have different stages: hosts with other vector units may fuse other layers.
  std::vector<StageTimings> stages() const;
  std::uint64_t bytes_sent() const;
  Index missing_from() const;  // the lowest of the ranks'
  bool one_machine() const;
};

// Collective, at the end of the run. Rank 0 gets the timings, the other ranks an empty result. The
// clocks of other hosts are aligned at a barrier: they agree to some hundredths of a millisecond,
// or less exactly over a slow network.
Timings gather_timings(const Timeline& timeline, Communicator& communicator);

// Calls event(what, begin, end) for each interval of a worker that is not kNothing, in order of
// time. `begin` and `end` are nanoseconds on the clock of rank 0.
template <class Event>
void for_each_event(const RankTimings& rank, const WorkerTimings& worker, const Event& event) {
  std::int64_t begin = 0;
  for (const TimeMark& mark : worker.marks) {
    const std::int64_t end = rank.nanoseconds(mark.tick);
    if (mark.what != kNothing) event(mark.what, begin, end);
    begin = end;
  }
}

}  // namespace convoy
