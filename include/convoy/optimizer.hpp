// SPDX-License-Identifier: Apache-2.0
/// @file
/// The optimizers: what turns the gradient of a step into new weights. The `[optimizer]` section of
/// a model file contains one of them.
///
/// @code
/// const convoy::Model model =
///     convoy::load_model("lenet5", {"optimizer.type=adamw", "optimizer.learning_rate=0.001"});
/// const auto& adam = std::get<convoy::Adam>(model.settings().optimizer);
/// std::printf("beta1 is %g\n", adam.beta1);
/// @endcode
///
/// Names, formulas and all defaults but the learning rate of SGD are those of PyTorch. The
/// headers in src/optim/ state the order of all roundings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

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

/// One of the optimizers.
using Optimizer = std::variant<Sgd, Adam, RmsProp>;

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

/// The name of an optimizer in a model file: "sgd", "adam", "adamw", "rmsprop".
std::string_view type_name(const Optimizer& optimizer);

/// Its learning rate at the start, before schedule and warm-up.
double learning_rate(const Optimizer& optimizer);

}  // namespace convoy
