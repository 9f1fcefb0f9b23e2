// SPDX-License-Identifier: Apache-2.0
/// @file
/// Averages of the weights over the steps of a run: a second copy of all weights, which often
/// classifies better than the trained weights themselves. The `[average]` section of a model file
/// contains one of them; without it there is none.
///
/// @code
/// const convoy::Model model =
///     convoy::load_model("lenet5", {"average.type=ema", "average.decay=0.99"});
/// const auto& ema = std::get<convoy::Ema>(model.settings().average);
/// std::printf("decay %g\n", ema.decay);
/// @endcode
///
/// The average begins as the initial weights. It is changed after the optimizer's update, by `ema`
/// in every step and by `lookahead` in every `steps`-th; that of a frozen tensor never is.
/// src/optim/average.hpp states the order of all roundings.
///
/// Buffers, such as the running statistics of a batch normalisation, are not averaged: those of the
/// weights belong to both copies.
#pragma once

#include <string_view>
#include <variant>

#include "convoy/shape.hpp"

namespace convoy {

/// No average.
struct NoAverage {
  /// Always true.
  friend bool operator==(const NoAverage&, const NoAverage&) = default;
};

/// Exponential moving average (`ema`; B. Polyak and A. Juditsky, "Acceleration of Stochastic
/// Approximation by Averaging", 1992, with exponential weights), as in PyTorch's
/// torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn: the first step copies the
/// weights. Training does not depend on it.
struct Ema {
  double decay = 0.999;  ///< share of the old average in the new one
  bool warmup = false;   ///< the decay is at most (1 + t) / (10 + t) in step t, counted from 1

  /// Whether all settings are equal.
  friend bool operator==(const Ema&, const Ema&) = default;
};

/// Lookahead (`lookahead`; M. Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back",
/// 2019): the average is the paper's slow weights, from which the weights begin again after every
/// `steps` steps. The state of the optimizer stays as it is.
struct Lookahead {
  Index steps = 5;      ///< steps between two changes of the slow weights
  double factor = 0.5;  ///< how far they move towards the weights: 0 not at all, 1 all the way

  /// Whether all settings are equal.
  friend bool operator==(const Lookahead&, const Lookahead&) = default;
};

/// One of the averages, or none.
using Average = std::variant<NoAverage, Ema, Lookahead>;

/// A copy of the weights of a run.
enum class WeightsCopy {
  average,  ///< the average; where there is none, the trained weights
  trained,  ///< the weights that the optimizer updates
};

/// The name of an average in a model file: "none", "ema", "lookahead".
std::string_view type_name(const Average& average);

/// "average", "trained".
std::string_view to_string(WeightsCopy copy);

}  // namespace convoy
