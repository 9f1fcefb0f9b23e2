// SPDX-License-Identifier: Apache-2.0
// The learning rate of a step, as a function of the settings and of the step's position in the run.
//
//   t = step / steps_per_epoch, in epochs; W = warmup_epochs; E = epochs; L = learning_rate
//   t < W     L * min((step + 1) / (W * steps_per_epoch), 1)
//   constant  L
//   step      L * step_factor ^ floor(t / step_epochs), by repeated multiplication
//   cosine    F + (L - F) * (1 + cos(pi * (t - W) / (E - W))) / 2,  F = final_learning_rate;
//             F from epoch E on, and where E <= W
//
// Computed in double with the project's own cosine (ops/math.hpp), rounded to float once.
#pragma once

#include "net/train_settings.hpp"

namespace convoy {

// `step` counts from 0 over the whole run.
float learning_rate(const TrainSettings& settings, Index step, Index steps_per_epoch);

}  // namespace convoy
