// SPDX-License-Identifier: Apache-2.0
// A layer: an operation, its name, the layers that it reads, and how its parameters are initialised
// and learn.
#pragma once

#include <string>
#include <vector>

#include "ops/op.hpp"

namespace convoy {

enum class InitializerKind { zeros, uniform, xavier_uniform, he_normal };

//   zeros            +0
//   uniform          [-range, range)
//   xavier_uniform   [-a, a), a = sqrt(6 / (fan_in + fan_out))           (Glorot and Bengio 2010)
//   he_normal        normal, mean 0, standard deviation sqrt(2 / fan_in) (He et al. 2015)
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
