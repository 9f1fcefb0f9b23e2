// SPDX-License-Identifier: Apache-2.0
// The executable specification of dropout.hpp.
#pragma once

#include "ops/dropout.hpp"
#include "ops/reference/activation.hpp"

namespace convoy::reference {

// to[i] = kept ? from[i] * scale : +0 for elements of the flat array over all samples.
template <class Real>
void drop(const Dropout& op, const StepContext& context, Range range, const Real* from, Real* to) {
  const Dropping dropping = dropping_of(op);
  const RandomStream stream = dropout_stream(context);
  for (Index i = range.begin; i < range.end; ++i) {
    const Index sample = i / op.in.size(), element = i % op.in.size();
    const bool is_kept = !context.is_training ||
                         random_bits(stream, context.samples[sample],
                                     static_cast<std::uint64_t>(element)) >= dropping.threshold;
    const Real scale = context.is_training ? static_cast<Real>(dropping.scale) : Real{1};
    to[i] = is_kept ? from[i] * scale : Real{0};
  }
}

template <class Real>
void forward(const Dropout& op, const Forward<Real>& pass, Range units) {
  drop(op, pass.context, elements(units, pass.samples * op.in.size()), pass.x, pass.y);
}

template <class Real>
void input_gradient(const Dropout& op, const InputGradient<Real>& pass, Range units) {
  drop(op, pass.context, elements(units, pass.samples * op.in.size()), pass.dy, pass.dx);
}

}  // namespace convoy::reference
