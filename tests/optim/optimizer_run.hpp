// SPDX-License-Identifier: Apache-2.0
// Weights that an optimizer updates step by step, by the reference in float or double, or by a
// backend.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "ops/reference/update.hpp"
#include "optim/optimizer.hpp"

namespace convoy::test {

template <class Real>
struct OptimizerRun {
  Optimizer optimizer;
  std::vector<Real> weights;
  std::vector<Real> largest;  // absolute value that each weight has had
  std::array<std::vector<Real>, kMostSlots> slots = {};
  Index steps = 0;

  OptimizerRun(const Optimizer& o, std::vector<Real> start)
      : optimizer(o), weights(std::move(start)), largest(weights.size()) {
    for (std::size_t s = 0; s < slots_of(optimizer).size(); ++s) slots[s].resize(weights.size());
    note_largest();
  }

  // Does a step by reference::update() or by another function like it, and returns its result.
  bool step(const std::vector<Real>& gradient_sum, Real scale) {
    return step(gradient_sum, scale, reference::update<Real>);
  }
  template <class Update>
  bool step(const std::vector<Real>& gradient_sum, Real scale, const Update& update) {
    std::vector<Real> new_weights(weights.size());
    std::array<std::vector<Real>, kMostSlots> new_slots;
    UpdatePass<Real> pass;
    pass.size = static_cast<Index>(weights.size());
    pass.gradient_sum = gradient_sum.data();
    pass.weights = weights.data();
    pass.new_weights = new_weights.data();
    for (std::size_t s = 0; s < slots_of(optimizer).size(); ++s) {
      new_slots[s].resize(weights.size());
      pass.slots[s] = slots[s].data();
      pass.new_slots[s] = new_slots[s].data();
    }
    pass.scale = scale;
    pass.numbers = numbers_of({.weight_decay = weight_decay(optimizer)}, learning_rate(optimizer),
                              step_factors(optimizer, ++steps));
    const bool finite = update(optimizer, pass);
    weights = std::move(new_weights);
    slots = std::move(new_slots);
    note_largest();
    return finite;
  }

 private:
  void note_largest() {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      largest[i] = std::max(largest[i], std::abs(weights[i]));
    }
  }
};

}  // namespace convoy::test
