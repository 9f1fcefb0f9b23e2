// SPDX-License-Identifier: Apache-2.0
// The learning rate of a step, as a function of the settings and of the step's position in the run.
//
//   t = step / steps_per_epoch, in epochs; W = warmup_epochs; E = epochs; L = learning_rate
//   t < W     L * min((step + 1) / (W * steps_per_epoch), 1)
//   constant  L
//   step      L * step_factor ^ floor(t / step_epochs), by repeated multiplication
//   cosine    F + (L - F) * (1 + cos(pi * (t - W) / (E - W))) / 2,  F = final_learning_rate;
//             F from epoch E on, and where E <= W
//   multi_step   L * step_factor ^ (number of milestones <= t), by repeated multiplication
//   exponential  L * exp(t / step_epochs * log(step_factor))
//   one_cycle    t < P  S + (L - S) * a(t / P)          P = pct_start * E, S = L / div_factor
//                else   L + (F - L) * a((t - P) / (E - P));  F from epoch E on
//                anneal_strategy cos: a(x) = (1 - cos(pi * x)) / 2; linear: a(x) = x
//
// Computed in double with the project's own functions (ops/math.hpp), rounded to float once.
#pragma once

#include "net/train_settings.hpp"

namespace convoy {

// `step` counts from 0 over the whole run.
float learning_rate(const TrainSettings& settings, Index step, Index steps_per_epoch);

// Whether the rate of a step depends on the number of epochs.
constexpr bool ends_with_last_epoch(ScheduleKind kind) {
  return kind == ScheduleKind::cosine || kind == ScheduleKind::one_cycle;
}

}  // namespace convoy
