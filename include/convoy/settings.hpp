// SPDX-License-Identifier: Apache-2.0
/// @file
/// The settings of a training, which stand in the `[train]` section of a model file.
#pragma once

#include <cstdint>
#include <string>

#include "convoy/shape.hpp"

namespace convoy {

/// How the learning rate changes over a run.
enum class ScheduleKind {
  constant,  ///< it does not
  step,      ///< times step_factor every step_epochs
  cosine,    ///< to final_learning_rate along half a cosine (Loshchilov and Hutter 2017)
};

/// What a run computes with, next to its network and its data. The weights are a function of all of
/// it. Read it by Model::settings(); change it by Model::with().
///
/// @code
/// const convoy::Model longer = model.with({"train.epochs=20", "train.schedule=cosine"});
/// const convoy::Index steps = (60000 + longer.settings().batch - 1) / longer.settings().batch;
/// @endcode
struct TrainSettings {
  Index batch = 32;  ///< samples of a step, over all ranks and threads together
  Index grain = 4;   ///< samples of a leaf of the reduction tree (docs/determinism.md)
  Index epochs = 1;  ///< times that all training samples are read
  std::string order = "shuffled";  ///< of the samples: shuffled | sequential | shards:N
  std::uint64_t seed = 1;          ///< of the initial weights, the order, and the validation split

  // SGD, as in PyTorch.
  double learning_rate = 0.01;  ///< factor of the mean gradient of a batch
  double momentum = 0;          ///< 0: plain SGD
  bool nesterov = false;        ///< Nesterov's form of momentum
  double weight_decay = 0;      ///< factor of the weight that is added to its gradient

  ScheduleKind schedule = ScheduleKind::constant;
  double warmup_epochs = 0;        ///< the rate grows linearly from 0 for so long
  double step_epochs = 1;          ///< of schedule `step`: epochs between two changes ...
  double step_factor = 0.1;        ///< ... and what each multiplies the rate by
  double final_learning_rate = 0;  ///< of schedule `cosine`: where it ends

  friend bool operator==(const TrainSettings&, const TrainSettings&) = default;
};

}  // namespace convoy
