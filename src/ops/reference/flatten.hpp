// SPDX-License-Identifier: Apache-2.0
// The executable specification of flatten.hpp.
#pragma once

#include "ops/flatten.hpp"
#include "ops/pass.hpp"
#include "ops/reference/activation.hpp"

namespace convoy::reference {

// Unit: kColumnBlock elements of the flat array over all samples.
template <class Real>
void forward(const Flatten& op, const Forward<Real>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  for (Index i = range.begin; i < range.end; ++i) pass.y[i] = pass.x[i];
}

template <class Real>
void input_gradient(const Flatten& op, const InputGradient<Real>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  for (Index i = range.begin; i < range.end; ++i) pass.dx[i] = pass.dy[i];
}

}  // namespace convoy::reference
