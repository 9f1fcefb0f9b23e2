// SPDX-License-Identifier: Apache-2.0
// The [train] section of a model file: hyperparameters, each with its default. All of them are part
// of a run's identity, except that a resumed run may be given more epochs.
#pragma once

#include "base/tensor.hpp"
#include "convoy/settings.hpp"
#include "optim/sgd.hpp"

namespace convoy {

// The largest values of a model file.
inline constexpr Index kLargestBatch = 2'147'483'647;
inline constexpr Index kMostEpochs = 2'147'483'647;
inline constexpr Index kLargestGrain = 128;

// The optimizer that the settings describe. Each number is rounded to the nearest float, whatever
// the caller's rounding mode is.
Sgd optimizer_of(const TrainSettings& settings);

}  // namespace convoy
