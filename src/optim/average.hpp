// SPDX-License-Identifier: Apache-2.0
// Averages of the weights over the steps (convoy/optimizer.hpp). For every weight w an average a is
// kept, which begins as the initial weight. After the optimizer has computed the new weight w' of
// step t, counted from 1:
//
//   a' = lerp(a, w', share)               (optim/update.hpp); where the share is 0, a' = a
//   w' = a'                               lookahead, where the share is not 0
//
//   ema         share = 1 in step 1, so that a' = w' (-0 may become +0), then
//               1 - decay, where with warm-up the decay is min(decay, (1 + t) / (10 + t))
//   lookahead   share = factor in every step whose number is a multiple of `steps`, else 0
//
// The share is computed in double and rounded to Real once. In tensors that are frozen a stays as
// it is. An average is elementwise, so it can follow the update of any optimizer, over any range.
//
// Sources: torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn (PyTorch 2.15; the same
// bits in float64); the warm-up is that of tf.train.ExponentialMovingAverage (TensorFlow 2.16) with
// num_updates = t; Zhang et al. 2019, Algorithm 1.
#pragma once

#include <algorithm>
#include <limits>

#include "base/name_table.hpp"
#include "convoy/optimizer.hpp"
#include "optim/update.hpp"

namespace convoy {

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, NoAverage>
void visit_settings(Self& /*average*/, const Visit& /*visit*/) {}

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, Ema>
void visit_settings(Self& average, const Visit& visit) {
  visit("decay", average.decay, kBelowOne);
  visit("warmup", average.warmup);
}

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, Lookahead>
void visit_settings(Self& average, const Visit& visit) {
  visit("steps", average.steps, IndexRange{1, std::numeric_limits<std::int32_t>::max()});
  visit("factor", average.factor, Interval{1e-37, 1});
}

// As files and options name them.
inline constexpr NameTable<WeightsCopy, 2> kWeightsCopies = {
    {{"average", WeightsCopy::average}, {"trained", WeightsCopy::trained}}};

inline bool exists(const Average& average) {
  return !std::holds_alternative<NoAverage>(average);
}

inline AverageStep average_step(const NoAverage& /*average*/, Index /*step*/) {
  return {};
}
inline AverageStep average_step(const Ema& average, Index step) {
  const auto t = static_cast<double>(step);
  const double decay = average.warmup ? std::min(average.decay, (1 + t) / (10 + t)) : average.decay;
  return {step == 1 ? 1 : 1 - decay, false};
}
inline AverageStep average_step(const Lookahead& average, Index step) {
  if (step % average.steps != 0) return {};
  return {average.factor, true};
}

// `step`: the number of the step in its run, from 1.
inline AverageStep average_step(const std::same_as<Average> auto& average, Index step) {
  return std::visit([=](const auto& a) { return average_step(a, step); }, average);
}

// Real is that of the weights: float in a training.
template <class Real>
struct AverageRule {
  Real share;
  bool sets_weight;

  // Returns the new average of a weight w that the optimizer has just computed; may replace w.
  CONVOY_HOST_DEVICE Real next(Real average, Real& w) const {
    if (share == 0) return average;
    average = lerp(average, w, share);
    if (sets_weight) w = average;
    return average;
  }
};

template <class Real>
CONVOY_HOST_DEVICE AverageRule<Real> make_rule(const AverageStep& step) {
  return {static_cast<Real>(step.share), step.sets_weights};
}

// An average over contiguous elements, after their update.
template <class Real>
struct AveragePass {
  Index size = 0;
  Real* new_weights = nullptr;  // as the optimizer has computed them; read, and perhaps replaced
  const Real* average = nullptr;
  Real* new_average = nullptr;
  AverageStep step;
};

}  // namespace convoy
