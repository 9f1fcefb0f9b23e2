// SPDX-License-Identifier: Apache-2.0
#include "optim/optimizer.hpp"

namespace convoy {
namespace {

constexpr bool has_a_name(std::size_t alternative) {
  for (const NamedOptimizer& known : kOptimizers) {
    if (known.defaults.index() == alternative) return true;
  }
  return false;
}
static_assert(
    [] {
      for (std::size_t i = 0; i < std::variant_size_v<Optimizer>; ++i) {
        if (!has_a_name(i)) return false;
      }
      return true;
    }(),
    "each optimizer has a row in kOptimizers");

}  // namespace

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
