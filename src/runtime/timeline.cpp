// SPDX-License-Identifier: Apache-2.0
#include "runtime/timeline.hpp"

#include "base/check.hpp"
#include "plan/stage_names.hpp"

namespace convoy {

Track::Track(Index stages, Index events)
    : totals_(static_cast<std::size_t>(kTimeKinds + stages)),
      barrier_ticks_(static_cast<std::size_t>(stages)),
      marks_(events) {}

void Track::end_turns() {
  const std::int64_t reduction = total(TimeKind::reduction) - turns_begin_.reduction;
  mark(turns_begin_.tick + reduction, number_of(TimeKind::reduction));
  mark(last_, number_of(TimeKind::update));
}

void Timeline::prepare(const Plan& plan, int workers) {
  CONVOY_ASSERT(tracks_.empty());
  for (Index i = 0; i < stage_count(plan); ++i) {
    const Stage& stage = stage_of_number(plan, i);
    stages_.push_back({stage_layers(plan, stage), to_string(stage.kind)});
  }
  tracks_.reserve(static_cast<std::size_t>(workers));
  for (int w = 0; w < workers; ++w) tracks_.emplace_back(stage_count(plan), events_);
}

void Timeline::begin_step_range() {
  recording_ = true;
  step_range_begin_ = ticks();
}

void Timeline::end_step_range(Index steps) {
  step_range_ticks_ += ticks() - step_range_begin_;
  steps_ += steps;
  recording_ = false;
}

}  // namespace convoy
