// SPDX-License-Identifier: Apache-2.0
// The executable specification of loss.hpp.
#pragma once

#include "ops/loss.hpp"
#include "ops/math.hpp"
#include "ops/reference/chain.hpp"
#include "ops/segments.hpp"

namespace convoy::reference {

template <class Real>
Index first_maximum(const Real* z, Index n) {
  Index best = 0;
  for (Index i = 1; i < n; ++i) {
    if (z[i] > z[best]) best = i;
  }
  return best;
}

// The loss of one sample; `largest` is the first maximum of z, `sum` the sum of e^(z - largest).
template <class Real>
double loss_of_sample(const Loss& op, const Real* z, Label label, Real largest, Real sum) {
  if (op.function == LossFunction::softmax_cross_entropy) {
    return math::log(static_cast<double>(sum)) -
           (static_cast<double>(z[label]) - static_cast<double>(largest));
  }
  double loss = 0;
  for (Index n = 0; n < op.classes; ++n) {
    const double logit = static_cast<double>(z[n]);
    loss += math::softplus(logit) - (n == label ? logit : 0.0);
  }
  return loss;
}

// Computes all samples of the pass.
template <class Real>
LossSum loss(const Loss& op, const LossPass<Real>& pass) {
  const Index N = op.classes;
  LossSum total;
  for (Index b = 0; b < pass.samples; ++b) {
    const Real* z = pass.logits + b * N;
    const Index best = first_maximum(z, N);
    const Real largest = z[best];
    Chain<Real> sum;
    if (op.function == LossFunction::softmax_cross_entropy) {
      for (const Segment s : Segments(1, N)) {
        for (Index n = s.terms.begin; n < s.terms.end; ++n) sum.term(math::exp(z[n] - largest));
        sum.end_segment();
      }
    }
    if (pass.predictions) pass.predictions[b] = static_cast<std::uint16_t>(best);
    if (pass.labels) {
      total.loss += loss_of_sample(op, z, pass.labels[b], largest, sum.total());
      total.correct += best == pass.labels[b] ? 1 : 0;
    }
    for (Index n = 0; n < N; ++n) {
      const Real p = op.function == LossFunction::softmax_cross_entropy
                         ? math::exp(z[n] - largest) / sum.total()
                         : math::sigmoid(z[n]);
      if (pass.probabilities) pass.probabilities[b * N + n] = p;
      if (pass.labels && pass.dlogits) {
        pass.dlogits[b * N + n] = p - (n == pass.labels[b] ? Real{1} : Real{0});
      }
    }
  }
  return total;
}

}  // namespace convoy::reference
