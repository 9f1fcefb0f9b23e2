// SPDX-License-Identifier: Apache-2.0
// Where the time of training goes, for each worker: the time that it spent on each kind of work
// (totals), and the intervals in their order (events). An engine writes the timeline that it is
// given; without one it only compares a pointer with null.
//
// A worker reads the clock when it ends a piece of work: the time since its previous reading
// belongs to that piece. So the intervals of a worker leave no gap and never overlap, and an
// interval costs one reading. A wait that takes no time (a barrier of one worker) is not recorded;
// its time belongs to the next interval.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/tensor.hpp"

namespace convoy {

class Plan;

// Kinds of work that are not stages of the plan.
enum class TimeKind : std::int32_t {
  input,          // filling in the samples
  waiting,        // for other workers: barriers of a rank and of a memory domain
  communication,  // messages between ranks
  reduction,      // finishing the tree over gradients and statistics
  update,         // of the weights
  evaluation,     // this one and the next two: as a whole, outside of steps, by worker 0
  verification,
  checkpoint,
};
inline constexpr std::int32_t kTimeKinds = 8;

// The number of a kind, or kTimeKinds + the number of a stage.
inline constexpr std::int32_t kNothing = -1;
constexpr std::int32_t number_of(TimeKind kind) {
  return static_cast<std::int32_t>(kind);
}

// The worker did `what` from the previous mark until `tick`.
struct TimeMark {
  std::int64_t tick = 0;
  std::int32_t what = kNothing;
};

// The track of a worker, whose thread alone writes it. Allocates nothing after construction.
class alignas(kAlignment) Track {
 public:
  Track(Index stages, Index events);

  // Begins an interval, which the next record() names. The time before belongs to no interval.
  void start() {
    last_ = ticks();
    mark(last_, kNothing);
  }
  void step(Index number) { step_ = number; }

  void record(TimeKind kind) { record(number_of(kind)); }
  void record_stage(Index stage) {
    record(static_cast<std::int32_t>(kTimeKinds + stage));
    stage_ = static_cast<std::size_t>(stage);
    stage_end_ = last_;
  }
  // All time since the end of the last stage was the barrier after it.
  void end_barrier_after_stage() { barrier_ticks_[stage_] += last_ - stage_end_; }

  // Adds an interval that a GPU measured: it begins where the previous one ends.
  void advance(std::int32_t what, std::int64_t duration) {
    totals_[static_cast<std::size_t>(what)] += duration;
    last_ += duration;
    mark(last_, what);
  }

  // For reduction and update, which alternate too fast for events: the totals are exact, and the
  // events are one interval of each kind.
  void begin_turns() { turns_begin_ = {last_, total(TimeKind::reduction)}; }
  void turn(TimeKind kind) {
    const std::int64_t now = ticks();
    totals_[static_cast<std::size_t>(kind)] += now - last_;
    last_ = now;
  }
  void end_turns();  // first the reduction, then the update

  std::int64_t total(TimeKind kind) const { return totals_[static_cast<std::size_t>(kind)]; }
  std::int64_t total_of_stage(Index stage) const {
    return totals_[static_cast<std::size_t>(kTimeKinds + stage)];
  }
  std::int64_t barriers_after_stage(Index stage) const {
    return barrier_ticks_[static_cast<std::size_t>(stage)];
  }
  std::span<const TimeMark> marks() const {
    return marks_.span().first(static_cast<std::size_t>(used_));
  }
  Index missing_from() const { return missing_from_; }  // step without all its marks; -1: none

 private:
  void record(std::int32_t what) {
    const std::int64_t now = ticks();
    totals_[static_cast<std::size_t>(what)] += now - last_;
    last_ = now;
    mark(now, what);
  }
  // Joins consecutive intervals of the same kind.
  void mark(std::int64_t tick, std::int32_t what) {
    if (missing_from_ >= 0) return;
    if (used_ > 0 && marks_[used_ - 1].what == what) {
      marks_[used_ - 1].tick = tick;
    } else if (used_ < marks_.size()) {
      marks_[used_++] = {tick, what};
    } else {
      missing_from_ = step_;
    }
  }

  struct Turns {
    std::int64_t tick = 0, reduction = 0;
  };

  std::int64_t last_ = 0;
  std::vector<std::int64_t> totals_;         // [what]
  std::vector<std::int64_t> barrier_ticks_;  // [stage]
  Buffer<TimeMark> marks_;
  Index used_ = 0, step_ = 0, missing_from_ = -1;
  std::size_t stage_ = 0;
  std::int64_t stage_end_ = 0;
  Turns turns_begin_;
};

// The tracks of a rank's workers. It belongs to one engine, which must not outlive it.
class Timeline {
 public:
  // `events`: the most events of each worker that are kept (16 bytes each); 0: totals alone.
  explicit Timeline(Index events = 0) : events_(events) {}

  // The engine calls prepare() once, and the others around each of its step ranges (StepRangeSpan).
  void prepare(const Plan& plan, int workers);
  void begin_step_range();
  void end_step_range(Index steps);
  bool recording() const { return recording_; }  // a step range is under way
  void count_sent(std::size_t bytes) { bytes_sent_ += bytes; }

  Track* tracks() { return tracks_.data(); }
  std::span<const Track> all_tracks() const { return tracks_; }

  // What was recorded in all step ranges.
  struct StageName {
    std::vector<std::string> layers;
    std::string_view pass;
  };
  const std::vector<StageName>& stages() const { return stages_; }  // in the order of training
  Index steps() const { return steps_; }
  std::int64_t step_range_ticks() const { return step_range_ticks_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }  // as messages, by this rank
  const TickScale& scale() const { return scale_; }

 private:
  const Index events_;
  TickScale scale_;
  std::vector<Track> tracks_;
  std::vector<StageName> stages_;
  bool recording_ = false;
  Index steps_ = 0;
  std::int64_t step_range_begin_ = 0, step_range_ticks_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

// Records a step range, which lasts as long as this object. `timeline` may be null; `steps` is read
// at the end.
class StepRangeSpan {
 public:
  StepRangeSpan(Timeline* timeline, const Index& steps) : timeline_(timeline), steps_(steps) {
    if (timeline_) timeline_->begin_step_range();
  }
  ~StepRangeSpan() {
    if (timeline_) timeline_->end_step_range(steps_);
  }
  StepRangeSpan(const StepRangeSpan&) = delete;
  StepRangeSpan& operator=(const StepRangeSpan&) = delete;

 private:
  Timeline* timeline_;
  const Index& steps_;
};

// Records what worker 0 does outside of the steps, as long as this object lives. `timeline` may be
// null.
class TimeSpan {
 public:
  TimeSpan(Timeline* timeline, TimeKind kind)
      : track_(timeline ? timeline->tracks() : nullptr), kind_(kind) {
    if (track_) track_->start();
  }
  ~TimeSpan() {
    if (track_) track_->record(kind_);
  }
  TimeSpan(const TimeSpan&) = delete;
  TimeSpan& operator=(const TimeSpan&) = delete;

 private:
  Track* track_;
  TimeKind kind_;
};

}  // namespace convoy
