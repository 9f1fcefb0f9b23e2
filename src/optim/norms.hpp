// SPDX-License-Identifier: Apache-2.0
// The norms of tensors, on which clipping and local rates (LARS) depend. A norm is the root of a
// sum of squares. All of this is computed in double. Order of the additions:
//
//   a row     of a parameter block, the weights of a tap or the bias: element i is in chain
//             i mod kNormChains. A chain adds its squares in order, from 0. The row's sum is 0
//             plus the first chain, plus the second ...
//   a tensor  the weights or the bias of a block: 0 plus its rows in order
//   all       0 plus the tensors that are not frozen, in the order of the arena
//
// So no division of the arena changes a norm. The square of a float is exact in double. A frozen
// tensor has the norm 0: it takes no part, as a parameter without a gradient in PyTorch.
//
// The factors of a tensor (NormSettings::factors_of in optim/optimizer.hpp), where the sum of
// squares is that of the gradients' sums over the `samples` of a step, w are the weights before the
// step, and each operation is rounded:
//
//   one    = 1 / samples
//   clip   = clip_factor(clip_norm, sqrt(squares of all) * one), or 1 without clipping
//   |g|    = (sqrt(squares of the tensor) * one) * clip
//   |w|    = sqrt(squares of the tensor's weights)
//   l      = local_rate(|w|, |g|, decay) (optim/lars.hpp), or 1 for other optimizers
//   scale  = clip / samples, then rounded to Real; the gradient in a rule is its sum * scale
//   rate   = (learning rate * the tensor's learning_rate_factor) * l
#pragma once

#include <cmath>

#include "base/host_device.hpp"
#include "base/tensor.hpp"

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

}  // namespace convoy
