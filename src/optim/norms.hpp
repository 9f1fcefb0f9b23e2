// SPDX-License-Identifier: Apache-2.0
// The norms of tensors, on which clipping and LARS depend, and the factors that follow from them.
//
// A norm is the root of a sum of squares, which is computed in double. Order of the additions:
//   - a row of a parameter block (the weights of a tap, or the bias) has kNormChains chains;
//   element
//     i is in chain i mod kNormChains. A chain adds its squares in order, from 0. The row's sum is
//     0 plus the first chain, plus the second ...;
//   - a tensor, the weights or the bias of a block, is 0 plus its rows in order;
//   - all gradients are 0 plus the tensors in the order of the arena.
// So no division of the arena changes a norm. The square of a float is exact in double. A frozen
// tensor has the norm 0: it takes no part, as a parameter without a gradient in PyTorch.
#pragma once

#include <cmath>

#include "optim/lars.hpp"

namespace convoy {

inline constexpr int kNormChains = 16;

// The sum of the squares of a row.
template <class Real>
CONVOY_HOST_DEVICE double sum_of_squares(const Real* row, Index size) {
  double chains[kNormChains] = {};
  Index begin = 0;
  for (; begin + kNormChains <= size; begin += kNormChains) {
    for (int c = 0; c < kNormChains; ++c) {
      const auto x = static_cast<double>(row[begin + c]);
      chains[c] += x * x;
    }
  }
  for (int c = 0; begin + c < size; ++c) {
    const auto x = static_cast<double>(row[begin + c]);
    chains[c] += x * x;
  }
  double sum = 0;
  for (const double chain : chains) sum += chain;
  return sum;
}

// Sums of squares, of a row or of a tensor.
struct Squares {
  double gradient_sum = 0;
  double weights = 0;  // 0 where the optimizer does not need them

  CONVOY_HOST_DEVICE void add(const Squares& other) {
    gradient_sum += other.gradient_sum;
    weights += other.weights;
  }
};

// The sum over consecutive rows: the squares of a tensor.
CONVOY_HOST_DEVICE inline Squares sum_of_rows(const Squares* rows, Index count) {
  Squares sum;
  for (Index row = 0; row < count; ++row) sum.add(rows[row]);
  return sum;
}

// The factor of the mean gradient by torch.nn.utils.clip_grad_norm_ (PyTorch 2.15) for the norm of
// all gradients: 1, or less where the norm is larger than `clip_norm`. The gradients are not
// rounded before they are multiplied, as PyTorch's are: the factor is part of UpdatePass::scale.
CONVOY_HOST_DEVICE inline double clip_factor(double clip_norm, double norm) {
  const double factor = clip_norm / (norm + 1e-6);
  return factor < 1 ? factor : 1;
}

// What the factors of all tensors depend on in a step.
struct NormSettings {
  double clip_norm = 0;  // 0: no clipping
  bool has_local_rates = false;
  Lars lars;  // with local rates

  CONVOY_HOST_DEVICE TensorFactors factors_of(const TensorUpdate& tensor, const Squares& of_tensor,
                                              double gradient_squares_of_all, Index samples) const {
    TensorFactors factors;
    const double one_sample = 1.0 / static_cast<double>(samples);
    if (clip_norm > 0) {
      factors.gradient = clip_factor(clip_norm, std::sqrt(gradient_squares_of_all) * one_sample);
    }
    if (has_local_rates) {
      const double gradient = std::sqrt(of_tensor.gradient_sum) * one_sample * factors.gradient;
      factors.rate = local_rate(lars, std::sqrt(of_tensor.weights), gradient, tensor.weight_decay);
    }
    return factors;
  }
};

}  // namespace convoy
