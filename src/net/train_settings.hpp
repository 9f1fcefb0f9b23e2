// SPDX-License-Identifier: Apache-2.0
// The [train], [optimizer] and [average] sections of a model file: hyperparameters, each with its
// default. All of them are part of a run's identity, except that a resumed run may be given more
// epochs.
#pragma once

#include "base/tensor.hpp"
#include "convoy/settings.hpp"
#include "net/net.hpp"
#include "optim/optimizer.hpp"

namespace convoy {

// The largest values of a model file.
inline constexpr Index kLargestBatch = 2'147'483'647;
inline constexpr Index kMostEpochs = 2'147'483'647;
inline constexpr Index kLargestGrain = 128;

// The optimizer of a net. A tensor's learning rate has the factors of its layer and of its group,
// multiplied in the nearest rounding, whatever the caller's mode is.
NetOptimizer optimizer_of(const Net& net, const TrainSettings& settings);

// The number of the group that each tensor of Net::parameter_tensors() belongs to; -1: none. A
// tensor takes the first group whose pattern matches its name.
std::vector<int> groups_of_tensors(const Net& net, const TrainSettings& settings);

}  // namespace convoy
