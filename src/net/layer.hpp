// SPDX-License-Identifier: Apache-2.0
// A layer: an operation, its name, the layers that it reads, and how its parameters are initialised
// and learn.
#pragma once

#include <string>
#include <vector>

#include "ops/op.hpp"

namespace convoy {

enum class InitializerKind { zeros, uniform, xavier_uniform, he_normal, kaiming_uniform, dirac };

//   zeros            +0
//   uniform          [-range, range)
//   xavier_uniform   [-a, a), a = sqrt(6 / (fan_in + fan_out))           (Glorot and Bengio 2010)
//   he_normal        normal, mean 0, standard deviation sqrt(2 / fan_in) (He et al. 2015)
//   kaiming_uniform  [-a, a), a = 1 / sqrt(fan_in); for a bias, too, with the fan_in of the weight.
//                    What PyTorch's nn.Conv2d and nn.Linear begin with (kaiming_uniform_ with a
//                    negative slope of sqrt(5), whose bound this is).
//   dirac            of conv2d and dense: filter f < C passes channel f on (1 at the middle of the
//                    kernel, row KH / 2 and column KW / 2, rounded down; else 0); the others are
//                    kaiming_uniform. (With at most C filters as PyTorch's dirac_.)
struct Initializer {
  InitializerKind kind = InitializerKind::zeros;
  double range = 0;
};

// The input of the net, as an entry of Layer::inputs.
inline constexpr int kNetInput = -1;

struct Layer {
  std::string name;  // unique in the net; parameters are NAME.weight and NAME.bias
  Op op;
  std::vector<int> inputs;  // earlier layers, or kNetInput
  Initializer weight_initializer{InitializerKind::xavier_uniform};
  Initializer bias_initializer;
  double weight_learning_rate_factor = 1;
  double bias_learning_rate_factor = 1;
};

}  // namespace convoy
