// SPDX-License-Identifier: Apache-2.0
#include "runtime/timeline.hpp"

#include "base/check.hpp"
#include "plan/stage_names.hpp"

namespace convoy {

Lane::Lane(Index stages, Index events)
    : totals_(static_cast<std::size_t>(kTimeKinds + stages)),
      meetings_(static_cast<std::size_t>(stages)),
      marks_(events) {}

void Lane::end_turns() {
  const std::int64_t reduction = total(TimeKind::reduction) - turns_begin_.reduction;
  mark(turns_begin_.tick + reduction, number_of(TimeKind::reduction));
  mark(last_, number_of(TimeKind::update));
}

void Timeline::prepare(const Plan& plan, int workers) {
  CONVOY_ASSERT(lanes_.empty());
  for (Index i = 0; i < stage_count(plan); ++i) {
    const Stage& stage = stage_of_number(plan, i);
    stages_.push_back({stage_layers(plan, stage), to_string(stage.kind)});
  }
  lanes_.reserve(static_cast<std::size_t>(workers));
  for (int w = 0; w < workers; ++w) lanes_.emplace_back(stage_count(plan), events_);
}

void Timeline::begin_stretch() {
  recording_ = true;
  stretch_begin_ = ticks();
}

void Timeline::end_stretch(Index steps) {
  stretch_ticks_ += ticks() - stretch_begin_;
  steps_ += steps;
  recording_ = false;
}

}  // namespace convoy
