// SPDX-License-Identifier: Apache-2.0
#include "optim/optimizer.hpp"

namespace convoy {

std::string_view type_name(const Optimizer& optimizer) {
  for (const NamedOptimizer& known : kOptimizers) {
    if (known.defaults.index() != optimizer.index()) continue;
    const auto* mine = std::get_if<Adam>(&optimizer);
    if (mine == nullptr ||
        mine->decoupled_weight_decay == std::get<Adam>(known.defaults).decoupled_weight_decay) {
      return known.name;
    }
  }
  return {};
}

double learning_rate(const Optimizer& optimizer) {
  return std::visit([](const auto& op) { return op.learning_rate; }, optimizer);
}

}  // namespace convoy
