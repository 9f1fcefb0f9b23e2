// SPDX-License-Identifier: Apache-2.0
/// @file
/// The settings of a training: the `[train]`, `[optimizer]` and `[average]` sections of a model
/// file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "convoy/optimizer.hpp"
#include "convoy/shape.hpp"

namespace convoy {

/// How the learning rate changes over a run.
enum class ScheduleKind {
  constant,     ///< the rate does not change
  step,         ///< the rate is multiplied by step_factor every step_epochs
  cosine,       ///< the rate falls to final_learning_rate along half a cosine (Loshchilov and
                ///< Hutter 2017)
  multi_step,   ///< the rate is multiplied by step_factor at each of the milestones
  exponential,  ///< the rate is multiplied by step_factor in step_epochs, a little at every step
  one_cycle,    ///< the rate rises to learning_rate and falls to final_learning_rate (Smith and
                ///< Topin 2019)
};

/// Along what the rate of the schedule `one_cycle` rises and falls.
enum class AnnealStrategy {
  cos,     ///< half a cosine
  linear,  ///< a line
};

/// The settings of a run, besides its network and its data. The weights depend on all of them. Read
/// them with Model::settings(); change them with Model::with().
///
/// @code
/// const convoy::Model longer = model.with({"train.epochs=20", "train.schedule=cosine"});
/// const convoy::Index steps = (60000 + longer.settings().batch - 1) / longer.settings().batch;
/// @endcode
struct TrainSettings {
  Index batch = 32;                ///< samples per step, over all ranks and threads together
  Index grain = 4;                 ///< samples per leaf of the reduction tree (docs/determinism.md)
  Index epochs = 1;                ///< number of passes over all training samples
  std::string order = "shuffled";  ///< order of the samples: shuffled | sequential | shards:N
  std::uint64_t seed = 1;          ///< of initial weights, order, validation split and dropout
  bool drop_last = false;          ///< leave out the last batch of an epoch if it is not full

  Optimizer optimizer = {};                           ///< with its settings; SGD by default
  std::vector<OptimizerGroup> optimizer_groups = {};  ///< tensors with settings of their own
  /// The largest norm of the mean gradient of a step, over all tensors that are not frozen; a
  /// gradient with a larger norm is scaled to it. More than 0; none: no limit.
  std::optional<double> clip_norm = {};

  Average average = {};  ///< of the weights over the steps; none by default
  /// The copy of the weights that evaluations read, where there is an average.
  WeightsCopy evaluate = WeightsCopy::average;

  ScheduleKind schedule = ScheduleKind::constant;  ///< how the learning rate changes
  double warmup_epochs = 0;  ///< the rate grows linearly from 0 in these epochs
  double step_epochs = 1;    ///< schedules `step`, `exponential`: epochs of one change of the rate
  double step_factor = 0.1;  ///< and `multi_step`: each change multiplies the rate by this
  double final_learning_rate = 0;       ///< schedules `cosine` and `one_cycle`: the rate at the end
  std::vector<double> milestones = {};  ///< schedule `multi_step`: in epochs, ascending
  double pct_start = 0.3;  ///< schedule `one_cycle`: the part of the epochs in which the rate rises
  double div_factor = 25;  ///< schedule `one_cycle`: the rate begins at learning_rate / div_factor
  AnnealStrategy anneal_strategy = AnnealStrategy::cos;  ///< schedule `one_cycle`

  /// Whether all settings are equal.
  friend bool operator==(const TrainSettings&, const TrainSettings&) = default;
};

}  // namespace convoy
