// SPDX-License-Identifier: Apache-2.0
// The [train] section of a model file: hyperparameters, each with its default. All of it is part of
// a run's identity, except that a resumed run may be given more epochs.
#pragma once

#include <cstdint>
#include <string>

#include "convoy/base/tensor.hpp"
#include "convoy/ops/sgd.hpp"

namespace convoy {

enum class ScheduleKind { constant, step, cosine };

struct TrainSettings {
  // What a step is.
  Index batch = 32;  // samples in a global batch
  Index grain = 4;   // samples in a grain
  Index epochs = 1;
  std::string order = "shuffled";  // shuffled | sequential | shards:N
  std::uint64_t seed = 1;

  // SGD, as in PyTorch.
  double learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;

  // The learning rate over time: schedule.hpp in train/.
  ScheduleKind schedule = ScheduleKind::constant;
  double warmup_epochs = 0;
  double step_epochs = 1;          // step: every so many epochs ...
  double step_factor = 0.1;        // ... times this
  double final_learning_rate = 0;  // cosine: where it ends

  friend bool operator==(const TrainSettings&, const TrainSettings&) = default;
};

// The optimizer that the settings describe, each number rounded to the nearest float whatever
// rounding mode the caller is in.
Sgd optimizer_of(const TrainSettings& settings);

}  // namespace convoy
