// SPDX-License-Identifier: Apache-2.0
// What the timelines of all ranks came to, in seconds: what a report reads.
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
  double known() const;    // all that belongs to steps

  int rank = 0, thread = 0;
  std::array<double, kTimeKinds> kinds{};
  // Of each stage of its rank: the time on its own part, and with the meeting behind it.
  std::vector<double> stages, stages_with_meetings;
  std::vector<TimeMark> marks;  // in time: see RankTimings::nanoseconds
};

struct RankTimings {
  // On the clock of rank 0.
  std::int64_t nanoseconds(std::int64_t tick) const;

  std::vector<StageTimings> stages;  // their names, in the order of training
  std::vector<WorkerTimings> workers;
  double seconds = 0;  // wall time of the steps
  std::uint64_t bytes_sent = 0;
  std::uint64_t peak_memory_bytes = 0;
  Index missing_from = -1;  // a step that has lost events; -1: none
  bool near = true;         // on the machine of rank 0: the same clock
  TickScale::Reading begin;
  double nanoseconds_per_tick = 1;
};

struct Timings {
  Index steps = 0;
  double seconds = 0;  // wall time of these steps, of the rank that was longest at them
  std::vector<RankTimings> ranks;

  // For each stage, the time of the worker that was longest at it, with the meeting behind it. Of
  // all ranks: machines with other vector units may fuse other layers.
  std::vector<StageTimings> stages() const;
  std::uint64_t bytes_sent() const;
  Index missing_from() const;  // the lowest of the ranks'
  bool one_machine() const;
};

// Collective, at the end of the work: to rank 0, the others get nothing. Clocks of other machines
// are set by a meeting: they agree to some hundredths of a millisecond or, over a slow network,
// less.
Timings gather_timings(const Timeline& timeline, Communicator& communicator);

// Calls event(what, begin, end) for each interval of a worker that is something, in order of time;
// nanoseconds on the clock of rank 0.
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
