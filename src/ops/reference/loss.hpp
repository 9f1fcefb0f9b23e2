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
  const auto high = static_cast<double>(largest);
  if (op.function == LossFunction::softmax_cross_entropy) {
    double below = static_cast<double>(z[label]) - high;
    if (op.label_smoothing > 0) {
      double all = 0;
      for (Index n = 0; n < op.classes; ++n) all += static_cast<double>(z[n]) - high;
      below = (1 - op.label_smoothing) * below +
              op.label_smoothing / static_cast<double>(op.classes) * all;
    }
    return math::log(static_cast<double>(sum)) - below;
  }
  double loss = 0;
  if (op.function == LossFunction::mean_squared_error) {
    for (Index n = 0; n < op.classes; ++n) {
      const double difference = static_cast<double>(z[n]) - (n == label ? 1 : 0);
      loss += difference * difference;
    }
    return loss / static_cast<double>(op.classes);
  }
  for (Index n = 0; n < op.classes; ++n) {
    const double logit = static_cast<double>(z[n]);
    loss += math::softplus(logit) - (n == label ? logit : 0.0);
  }
  return loss;
}

// `sum` is that of e^(z - largest).
template <class Real>
Real probability(const Loss& op, Real z, Real largest, Real sum) {
  return has_softmax(op) ? math::exp(z - largest) / sum : math::sigmoid(z);
}

// Computes all samples of the pass.
template <class Real>
LossSum loss(const Loss& op, const LossPass<Real>& pass) {
  const Index N = op.classes;
  const LossTargets<Real> targets = targets_of<Real>(op);
  const Real factor = squared_error_factor<Real>(op);
  LossSum total;
  for (Index b = 0; b < pass.samples; ++b) {
    const Real* z = pass.logits + b * N;
    const Index best = first_maximum(z, N);
    const Real largest = z[best];
    Chain<Real> sum;
    if (has_softmax(op)) {
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
      const Real logit = z[n];
      const Real p = probability(op, logit, largest, sum.total());
      if (pass.probabilities) pass.probabilities[b * N + n] = p;
      if (pass.labels && pass.dlogits) {
        const Real target = n == pass.labels[b] ? targets.hot : targets.cold;
        pass.dlogits[b * N + n] = op.function == LossFunction::mean_squared_error
                                      ? (logit - target) * factor
                                      : p - target;
      }
    }
  }
  return total;
}

}  // namespace convoy::reference
