// SPDX-License-Identifier: Apache-2.0
// Losses over class scores ("logits") z[N] with a label l, their gradients, and what the scores
// mean.
//
//   softmax cross-entropy         p = e^(z - max z) / sum;  loss = log(sum) - (z[l] - max z)
//                                 dz = p - [n == l]
//     with label smoothing e        t[n] = (1 - e) [n == l] + e / N (Szegedy et al. 2016)
//                                 loss = log(sum) - ((1 - e) (z[l] - max z) + (e / N) S)
//                                 S = sum over n of z[n] - max z;  dz = p - t
//   sigmoid binary cross-entropy  p = sigmoid(z)
//                                 loss = sum over n of softplus(z[n]) - [n == l] z[n]
//                                 dz = p - [n == l]   (each output against the one-hot label)
//   mean squared error            p as of the softmax
//                                 loss = (sum over n of (z[n] - [n == l])^2) / N
//                                 dz = (z - [n == l]) * (2 / N)
//
// The gradient is that of the *sum* over samples; only the optimizer applies 1 / batch. Order of
// additions: the sum over classes is one row (segments.hpp, chains of plain additions from +0) in
// Real. The targets t and 2 / N are computed in double and rounded to Real once. Losses are double:
// log and softplus are those of math.hpp, and the sum over the outputs of a sample and over the
// samples of a call is a chain from +0 in index order. max z is the first score that no later one
// exceeds (`>`); its class is the prediction.
#pragma once

#include <cstdint>

#include "base/host_device.hpp"
#include "base/tensor.hpp"

namespace convoy {

enum class LossFunction {
  softmax_cross_entropy,
  sigmoid_binary_cross_entropy,
  mean_squared_error,
};

struct Loss {
  Index classes = 1;
  LossFunction function = LossFunction::softmax_cross_entropy;
  double label_smoothing = 0;  // at least 0, less than 1; of softmax_cross_entropy alone
};

// Whether the probabilities are a softmax of the scores.
CONVOY_HOST_DEVICE constexpr bool has_softmax(const Loss& op) {
  return op.function != LossFunction::sigmoid_binary_cross_entropy;
}

// What the outputs of a sample should be: `hot` that of its label, `cold` the others.
template <class Real>
struct LossTargets {
  Real hot = 1, cold = 0;
};
template <class Real>
CONVOY_HOST_DEVICE constexpr LossTargets<Real> targets_of(const Loss& op) {
  const double cold = op.label_smoothing / static_cast<double>(op.classes);
  return {static_cast<Real>(1 - op.label_smoothing + cold), static_cast<Real>(cold)};
}
// The factor of the gradient of mean_squared_error.
template <class Real>
CONVOY_HOST_DEVICE constexpr Real squared_error_factor(const Loss& op) {
  return static_cast<Real>(2 / static_cast<double>(op.classes));
}

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
