// SPDX-License-Identifier: Apache-2.0
#include "net/train_settings.hpp"

#include "base/float_environment.hpp"

namespace convoy {

Sgd optimizer_of(const TrainSettings& settings) {
  const FloatEnvironment environment;
  return {static_cast<float>(settings.momentum), settings.nesterov,
          static_cast<float>(settings.weight_decay)};
}

}  // namespace convoy
