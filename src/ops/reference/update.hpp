// SPDX-License-Identifier: Apache-2.0
// The executable specification of an update: the rule of the optimizer (optim/), element by
// element; then that of the average.
#pragma once

#include "optim/optimizer.hpp"

namespace convoy::reference {

// Returns whether all new weights and slots are finite.
template <class Real, class Op>
bool update(const Op& op, const UpdatePass<Real>& pass) {
  const auto rule = make_rule<Real>(op, pass.numbers);
  const std::size_t slots = slots_of(op).size();
  bool finite = true;
  for (Index i = 0; i < pass.size; ++i) {
    std::array<Real, kMostSlots> values{};
    for (std::size_t s = 0; s < slots; ++s) values[s] = pass.slots[s][i];
    const Real w = rule.next(pass.weights[i], pass.gradient_sum[i] * pass.scale, values.data());
    for (std::size_t s = 0; s < slots; ++s) {
      pass.new_slots[s][i] = values[s];
      finite = finite && std::isfinite(values[s]);
    }
    pass.new_weights[i] = w;
    finite = finite && std::isfinite(w);
  }
  return finite;
}

template <class Real>
bool update(const Optimizer& optimizer, const UpdatePass<Real>& pass) {
  return std::visit([&](const auto& op) { return update<Real>(op, pass); }, optimizer);
}

// Returns whether all new averages are finite.
template <class Real>
bool average(const AveragePass<Real>& pass) {
  const auto rule = make_rule<Real>(pass.step);
  bool finite = true;
  for (Index i = 0; i < pass.size; ++i) {
    pass.new_average[i] = rule.next(pass.average[i], pass.new_weights[i]);
    finite = finite && std::isfinite(pass.new_average[i]);
  }
  return finite;
}

}  // namespace convoy::reference
