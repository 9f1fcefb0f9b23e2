// SPDX-License-Identifier: Apache-2.0
// What all optimizers have in common. An optimizer is a struct of settings (convoy/optimizer.hpp)
// and a header in this folder, which has its formula and these functions:
//
//   visit_settings()   calls a function with the key, the field and the limits of each setting: an
//                      Interval of a double, an IndexRange of an Index; a bool has none
//   slots_of()         names the values that it keeps for each weight ("slots")
//   step_factors()     computes what depends on the number of the step alone
//   make_rule<Real>()  rounds all numbers of an update to Real, once. A rule has one function,
//                      next(w, g, slots): the new value of the weight w by its gradient g. It
//                      replaces the slots, too.
//
// Rules are elementwise: a new weight depends on the weight, its gradient and its slots alone,
// so that every division of the arena gives the same bits. What depends on more elements is
// computed before. An optimizer whose updates depend on more has one of two further functions:
//
//   local_rate()       the factor of the learning rate of a tensor, by its norms (norms.hpp)
//   rate_ratio()       that of a matrix, which is updated as a whole (newton_schulz.hpp)
//
// Real is float for training; tests compare the rules in double with
// PyTorch's.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/host_device.hpp"
#include "base/interval.hpp"
#include "base/tensor.hpp"
#include "convoy/optimizer.hpp"

namespace convoy {

inline constexpr int kMostSlots = 3;  // of any optimizer

// What an average of the weights does in a step (optim/average.hpp).
struct AverageStep {
  double share = 0;           // of the new weights in the average; 0: it does not change
  bool sets_weights = false;  // the weights become the average

  friend bool operator==(const AverageStep&, const AverageStep&) = default;
};

// Factors that are the same for all weights in a step; the optimizer's header says what they are.
struct StepFactors {
  double first = 1;
  double second = 1;
  AverageStep average = {};
};

// The settings of one tensor.
struct TensorUpdate {
  double rate_factor = 1;  // of the learning rate
  double weight_decay = 0;
  bool frozen = false;  // weights and slots never change

  friend bool operator==(const TensorUpdate&, const TensorUpdate&) = default;
};

// The settings of a parameter block: of its weights and of its bias.
struct BlockUpdate {
  TensorUpdate weight, bias;

  CONVOY_HOST_DEVICE const TensorUpdate& of(bool is_bias) const { return is_bias ? bias : weight; }

  friend bool operator==(const BlockUpdate&, const BlockUpdate&) = default;
};

// What the norms of a step give for a tensor (norms.hpp), in double.
struct TensorFactors {
  double gradient = 1;  // multiplies the mean gradient
  double rate = 1;      // multiplies the learning rate
};

// The numbers of an update of one tensor in one step.
struct UpdateNumbers {
  double rate = 0;   // learning rate of the step, times the tensor's factors
  double decay = 0;  // weight decay
  StepFactors factors;
};
CONVOY_HOST_DEVICE inline UpdateNumbers numbers_of(const TensorUpdate& tensor, double rate,
                                                   const StepFactors& factors,
                                                   const TensorFactors& of_tensor = {}) {
  return {rate * tensor.rate_factor * of_tensor.rate, tensor.weight_decay, factors};
}

// The factor of a sum of gradients over `samples`, rounded once.
template <class Real>
CONVOY_HOST_DEVICE Real scale_of(Index samples, const TensorFactors& of_tensor = {}) {
  return static_cast<Real>(of_tensor.gradient / static_cast<double>(samples));
}

// An update of contiguous elements of one tensor. Weights and slots exist twice (runtime/cpu/
// generations.hpp): the pass reads the old values and writes the new ones.
template <class Real>
struct UpdatePass {
  Index size = 0;
  const Real* gradient_sum = nullptr;  // over the samples of the batch
  const Real* weights = nullptr;
  Real* new_weights = nullptr;
  std::array<const Real*, kMostSlots> slots = {};  // as many as the optimizer has
  std::array<Real*, kMostSlots> new_slots = {};
  // scale_of(), 1 / batch without clipping: the gradient is gradient_sum * scale, and scaled
  // nowhere else.
  Real scale = 1;
  UpdateNumbers numbers;
};

// Whether the momentum is not 0 once it is rounded to float. (No mode of the processor changes a
// comparison.)
template <class Op>
bool has_momentum(const Op& op) {
  return op.momentum > 0x1p-150;
}

// torch.lerp(from, to, share): exact at both ends but for the sign of a zero, since the form
// changes at a share of 0.5. The difference is rounded, then the fma.
template <class Real>
CONVOY_HOST_DEVICE Real lerp(Real from, Real to, Real share) {
  return share < Real{0.5} ? std::fma(share, to - from, from) : std::fma(share - 1, to - from, to);
}

}  // namespace convoy
