// SPDX-License-Identifier: Apache-2.0
// Losses over class scores ("logits") z[N] with a label l, their gradients, and what the scores
// mean.
//
//   softmax cross-entropy         p = e^(z - max z) / sum;  loss = log(sum) - (z[l] - max z)
//                                 dz = p - [n == l]
//   sigmoid binary cross-entropy  p = sigmoid(z)
//                                 loss = sum over n of softplus(z[n]) - [n == l] z[n]
//                                 dz = p - [n == l]   (each output against the one-hot label)
//
// The gradient is that of the *sum* over samples; only the optimizer applies 1 / batch. Order of
// additions: the sum over classes is one row (segments.hpp, chains of plain additions from +0) in
// Real. Losses are double: log and softplus are those of math.hpp, and the sum over the outputs of
// a sample and over the samples of a call is a chain from +0 in index order. max z is the first
// score that no later one exceeds (`>`); its class is the prediction.
#pragma once

#include <cstdint>

#include "base/tensor.hpp"

namespace convoy {

enum class LossFunction { softmax_cross_entropy, sigmoid_binary_cross_entropy };

struct Loss {
  Index classes = 1;
  LossFunction function = LossFunction::softmax_cross_entropy;
};

template <class Real>
struct LossPass {
  Index samples = 0;
  const Real* logits = nullptr;          // [B][N]
  const Label* labels = nullptr;         // [B]; may be null: no loss, no gradient, no count
  Real* probabilities = nullptr;         // [B][N], or null
  Real* dlogits = nullptr;               // [B][N], or null; may be `logits`
  std::uint16_t* predictions = nullptr;  // [B], or null
};

// The sums over the samples of a pass.
struct LossSum {
  double loss = 0;
  std::int64_t correct = 0;
};

}  // namespace convoy
