// SPDX-License-Identifier: Apache-2.0
// Random optimizers: all kinds, each setting with its default, with 0 where 0 has a meaning of its
// own, and with other numbers.
#pragma once

#include <cmath>

#include "optim/optimizer.hpp"
#include "tests/ops/random_ops.hpp"

namespace convoy::test {

// From 0 to less than 1: decays of means and momenta.
inline double random_decay_of_mean(Random& random, double usual) {
  if (random.chance(40)) return usual;
  return random.chance(20) ? 0 : random.uniform(0, 0.999);
}

inline Optimizer random_optimizer(Random& random) {
  const double rate = std::ldexp(random.uniform(0.5, 1), static_cast<int>(random.pick(-12, 0)));
  const double decay = random.chance(50) ? 0 : random.uniform(0, 0.1);
  const double epsilon = random.chance(50) ? 1e-8 : std::pow(10, random.uniform(-20, 0));
  switch (random.pick(0, 4)) {
    case 0: {
      const double momentum = random_decay_of_mean(random, 0.9);
      return Sgd{rate, momentum, momentum != 0 && random.chance(50), decay};
    }
    case 1:
      return Adam{.learning_rate = rate,
                  .beta1 = random_decay_of_mean(random, 0.9),
                  .beta2 = random_decay_of_mean(random, 0.999),
                  .epsilon = epsilon,
                  .weight_decay = decay,
                  .decoupled_weight_decay = random.chance(50)};
    case 2:
      return Lars{.learning_rate = rate,
                  .momentum = random_decay_of_mean(random, 0.9),
                  .weight_decay = decay,
                  .trust_coefficient = random.uniform(0.0001, 1)};
    case 3:
      return Muon{.learning_rate = rate,
                  .momentum = random_decay_of_mean(random, 0.95),
                  .nesterov = random.chance(50),
                  .weight_decay = decay};
    default:
      return RmsProp{.learning_rate = rate,
                     .alpha = random_decay_of_mean(random, 0.99),
                     .epsilon = epsilon,
                     .momentum = random_decay_of_mean(random, 0),
                     .centered = random.chance(50),
                     .weight_decay = decay};
  }
}

// All settings, to build a failing optimizer again.
inline std::string describe(const Optimizer& optimizer) {
  std::string text(type_name(optimizer));
  std::visit(
      [&](const auto& op) {
        visit_settings(op, [&](std::string_view key, const auto& value, const auto&...) {
          text += fmt::format(" {} {}", key, value);
        });
      },
      optimizer);
  return text;
}

}  // namespace convoy::test
