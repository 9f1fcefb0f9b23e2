// SPDX-License-Identifier: Apache-2.0
/// @file
/// The optimizers: what turns the gradient of a step into new weights, and the averages of the
/// weights over the steps of a run. The `[optimizer]` section of a model file contains one of the
/// former, the `[average]` section one of the latter.
///
/// @code
/// const convoy::Model model =
///     convoy::load_model("lenet5", {"optimizer.type=adamw", "optimizer.learning_rate=0.001"});
/// const auto& adam = std::get<convoy::Adam>(model.settings().optimizer);
/// std::printf("beta1 is %g\n", adam.beta1);
/// @endcode
///
/// Names, formulas and all defaults but the learning rate of SGD are those of PyTorch, which has no
/// LARS; PyTorch's Muon iterates in bfloat16 and refuses tensors that are no matrices. The headers
/// in src/optim/ state the order of all roundings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "convoy/shape.hpp"

namespace convoy {

/// Stochastic gradient descent with momentum (`sgd`; I. Sutskever et al., "On the importance of
/// initialization and momentum in deep learning", 2013). The dampening is 0.
struct Sgd {
  double learning_rate = 0.01;  ///< multiplies the mean gradient of a batch
  double momentum = 0;          ///< 0: plain SGD
  bool nesterov = false;        ///< Nesterov's form of momentum
  double weight_decay = 0;      ///< this times the weight is added to the weight's gradient

  /// Whether all settings are equal.
  friend bool operator==(const Sgd&, const Sgd&) = default;
};

/// Adam (`adam`; D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2015) and AdamW
/// (`adamw`; I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2019).
struct Adam {
  double learning_rate = 0.001;         ///< the largest change of a weight in a step, about
  double beta1 = 0.9;                   ///< decay of the mean of the gradients
  double beta2 = 0.999;                 ///< decay of the mean of their squares
  double epsilon = 1e-8;                ///< is added to the root of that mean
  double weight_decay = 0;              ///< `adamw`: 0.01 unless set
  bool decoupled_weight_decay = false;  ///< true for `adamw`: decay shrinks the weight itself

  /// Whether all settings are equal.
  friend bool operator==(const Adam&, const Adam&) = default;
};

/// RMSprop (`rmsprop`; T. Tieleman and G. Hinton, Coursera lecture 6.5, 2012).
struct RmsProp {
  double learning_rate = 0.01;  ///< multiplies the scaled gradient
  double alpha = 0.99;          ///< decay of the mean of the squares of the gradients
  double epsilon = 1e-8;        ///< is added to the root of that mean
  double momentum = 0;          ///< 0: none
  bool centered = false;        ///< the square of the mean gradient is subtracted from that mean
  double weight_decay = 0;      ///< this times the weight is added to the weight's gradient

  /// Whether all settings are equal.
  friend bool operator==(const RmsProp&, const RmsProp&) = default;
};

/// LARS (`lars`; Y. You, I. Gitman and B. Ginsburg, "Large Batch Training of Convolutional
/// Networks", 2017, algorithm 1): SGD whose learning rate is scaled for each tensor by
/// trust_coefficient * |w| / (|g| + weight_decay * |w|).
struct Lars {
  double learning_rate = 1;          ///< multiplies the rate of each tensor
  double momentum = 0.9;             ///< 0: none
  double weight_decay = 0.0005;      ///< this times the weight is added to the weight's gradient
  double trust_coefficient = 0.001;  ///< the change of a tensor in a step, relative to its norm

  /// Whether all settings are equal.
  friend bool operator==(const Lars&, const Lars&) = default;
};

/// Muon (`muon`; K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks",
/// 2024): the update of a matrix is its momentum, made nearly orthogonal by Newton-Schulz
/// iterations in single precision. The other tensors, such as biases, take their momentum as it is.
struct Muon {
  double learning_rate = 0.001;  ///< multiplies the update
  double momentum = 0.95;        ///< decay of the mean of the gradients
  bool nesterov = true;          ///< Nesterov's form of momentum
  double weight_decay = 0.1;     ///< decoupled: decay shrinks the weight itself
  double ns_a = 3.4445;          ///< coefficients of an iteration: X = a X + (b G + c G G) X,
  double ns_b = -4.775;          ///< where G = X X^T
  double ns_c = 2.0315;          ///< see above
  double epsilon = 1e-7;         ///< the least norm by which a matrix is divided
  Index ns_steps = 5;            ///< number of iterations, up to 99
  bool match_rms_adamw = false;  ///< PyTorch's adjust_lr_fn: the rate of a matrix of n outputs and
                                 ///< m inputs is multiplied by 0.2 sqrt(max(n, m)); false: by
                                 ///< sqrt(max(1, n / m))

  /// Whether all settings are equal.
  friend bool operator==(const Muon&, const Muon&) = default;
};

/// One of the optimizers.
using Optimizer = std::variant<Sgd, Adam, RmsProp, Lars, Muon>;

/// Settings for some of a net's tensors (`[[optimizer.group]]`). A tensor takes the first group
/// whose pattern matches its name; a tensor that none matches has the optimizer's own settings.
struct OptimizerGroup {
  std::string match;                        ///< pattern of names, with `*` for any text: "*.bias"
  double learning_rate_factor = 1;          ///< multiplies the learning rate
  std::optional<double> weight_decay = {};  ///< replaces the optimizer's, if given
  bool frozen = false;                      ///< the tensors never change

  /// Whether all settings are equal.
  friend bool operator==(const OptimizerGroup&, const OptimizerGroup&) = default;
};

/// The name of an optimizer in a model file: "sgd", "adam", "adamw", "rmsprop", "lars", "muon".
std::string_view type_name(const Optimizer& optimizer);

/// Its learning rate at the start, before schedule and warm-up.
double learning_rate(const Optimizer& optimizer);

// An average is a second copy of all weights, which often classifies better than the trained
// weights themselves. It begins as the initial weights. It changes after the optimizer's update: of
// every step (Ema), or of every step whose number is a multiple of `steps` (Lookahead). That of
// frozen tensors never changes. Buffers, such as the running statistics of a batch normalisation,
// are not averaged: those of the weights belong to both copies. src/optim/average.hpp states the
// order of all roundings.

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
