// SPDX-License-Identifier: Apache-2.0
// Where the time of training goes, worker by worker: how long each was at what (totals), and one
// after the other (events). An engine writes the timeline that it is given; without one it compares
// a pointer with null and does nothing more.
//
// A worker reads the clock when it is done with something: the time since it last did so belongs to
// that. So the intervals of a worker leave no gap and never overlap, and one reading is all that an
// interval costs. What takes no time where nobody is waited for (a meeting of one) is not read at
// all and goes to the interval behind it.
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

// What is no stage of the plan.
enum class TimeKind : std::int32_t {
  input,          // filling in the samples
  waiting,        // for other workers: barriers, meetings of a node
  communication,  // messages between ranks
  reduction,      // finishing the tree over the gradients
  update,         // of the weights
  evaluation,     // these as a whole, outside of the steps, by worker 0
  verification,
  checkpoint,
};
inline constexpr std::int32_t kTimeKinds = 8;

// The number of a kind, or kTimeKinds + the number of a stage.
inline constexpr std::int32_t kNothing = -1;
constexpr std::int32_t number_of(TimeKind kind) {
  return static_cast<std::int32_t>(kind);
}

// The time from the mark before this one until `tick` went to `what`.
struct TimeMark {
  std::int64_t tick = 0;
  std::int32_t what = kNothing;
};

// The timeline of a worker, whose thread alone writes it. Allocates nothing after construction.
class alignas(kAlignment) Lane {
 public:
  Lane(Index stages, Index events);

  // What comes belongs to what is named next; what was before, to nothing.
  void start() {
    last_ = ticks();
    mark(last_, kNothing);
  }
  void step(Index number) { step_ = number; }

  void lap(TimeKind kind) { lap(number_of(kind)); }
  void lap_stage(Index stage) {
    lap(static_cast<std::int32_t>(kTimeKinds + stage));
    stage_ = static_cast<std::size_t>(stage);
    stage_end_ = last_;
  }
  // All since the end of that stage was the meeting behind it.
  void met_after_stage() { meetings_[stage_] += last_ - stage_end_; }

  // What a GPU measured itself: `what` took so long, right behind what came before.
  void advance(std::int32_t what, std::int64_t duration) {
    totals_[static_cast<std::size_t>(what)] += duration;
    last_ += duration;
    mark(last_, what);
  }

  // Two kinds that take turns too fast for events: totals are exact, the events are one each.
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
  std::int64_t meetings_after_stage(Index stage) const {
    return meetings_[static_cast<std::size_t>(stage)];
  }
  std::span<const TimeMark> marks() const {
    return marks_.span().first(static_cast<std::size_t>(used_));
  }
  Index missing_from() const { return missing_from_; }  // step without all its marks; -1: none

 private:
  void lap(std::int32_t what) {
    const std::int64_t now = ticks();
    totals_[static_cast<std::size_t>(what)] += now - last_;
    last_ = now;
    mark(now, what);
  }
  // One after another of the same kind are one.
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
  std::vector<std::int64_t> totals_;    // [what]
  std::vector<std::int64_t> meetings_;  // [stage]
  Buffer<TimeMark> marks_;
  Index used_ = 0, step_ = 0, missing_from_ = -1;
  std::size_t stage_ = 0;
  std::int64_t stage_end_ = 0;
  Turns turns_begin_;
};

// The timelines of a rank's workers. Of one engine, which must not outlive it.
class Timeline {
 public:
  // `events`: how many of each worker are kept (16 bytes each); 0: totals alone.
  explicit Timeline(Index events = 0) : events_(events) {}

  // What the engine calls: once, and around each of its stretches (StretchSpan).
  void prepare(const Plan& plan, int workers);
  void begin_stretch();
  void end_stretch(Index steps);
  bool recording() const { return recording_; }  // a stretch is under way
  void count_sent(std::size_t bytes) { bytes_sent_ += bytes; }

  Lane* lanes() { return lanes_.data(); }
  std::span<const Lane> all_lanes() const { return lanes_; }

  // What was recorded, of all stretches.
  struct StageName {
    std::vector<std::string> layers;
    std::string_view pass;
  };
  const std::vector<StageName>& stages() const { return stages_; }  // in the order of training
  Index steps() const { return steps_; }
  std::int64_t stretch_ticks() const { return stretch_ticks_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }  // as messages, by this rank
  const TickScale& scale() const { return scale_; }

 private:
  const Index events_;
  TickScale scale_;
  std::vector<Lane> lanes_;
  std::vector<StageName> stages_;
  bool recording_ = false;
  Index steps_ = 0;
  std::int64_t stretch_begin_ = 0, stretch_ticks_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

// A stretch of an engine, for as long as this lives. `timeline` may be null; `steps` is read at the
// end.
class StretchSpan {
 public:
  StretchSpan(Timeline* timeline, const Index& steps) : timeline_(timeline), steps_(steps) {
    if (timeline_) timeline_->begin_stretch();
  }
  ~StretchSpan() {
    if (timeline_) timeline_->end_stretch(steps_);
  }
  StretchSpan(const StretchSpan&) = delete;
  StretchSpan& operator=(const StretchSpan&) = delete;

 private:
  Timeline* timeline_;
  const Index& steps_;
};

// What worker 0 does outside of the steps, for as long as this lives. `timeline` may be null.
class TimeSpan {
 public:
  TimeSpan(Timeline* timeline, TimeKind kind)
      : lane_(timeline ? timeline->lanes() : nullptr), kind_(kind) {
    if (lane_) lane_->start();
  }
  ~TimeSpan() {
    if (lane_) lane_->lap(kind_);
  }
  TimeSpan(const TimeSpan&) = delete;
  TimeSpan& operator=(const TimeSpan&) = delete;

 private:
  Lane* lane_;
  TimeKind kind_;
};

}  // namespace convoy
