// SPDX-License-Identifier: Apache-2.0
// The executable specification of activation.hpp and add.hpp.
#pragma once

#include <cmath>

#include "ops/math.hpp"
#include "ops/op.hpp"
#include "ops/pass.hpp"

namespace convoy::reference {

// The elements of `units` of an elementwise pass over `size` elements.
inline Range elements(Range units, Index size) {
  return {std::min(units.begin * kColumnBlock, size), std::min(units.end * kColumnBlock, size)};
}

// Unit: kColumnBlock elements of the flat array over all samples.
template <class Real>
void forward(const Activation& op, const Forward<Real>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  const auto slope = static_cast<Real>(op.negative_slope);
  for (Index i = range.begin; i < range.end; ++i) {
    const Real x = pass.x[i];
    switch (op.function) {
      case ActivationFunction::relu:
        pass.y[i] = x > 0 ? x : Real{0};
        break;
      case ActivationFunction::sigmoid:
        pass.y[i] = math::sigmoid(x);
        break;
      case ActivationFunction::tanh:
        pass.y[i] = math::tanh(x);
        break;
      case ActivationFunction::leaky_relu:
        pass.y[i] = x > 0 ? x : slope * x;
        break;
      case ActivationFunction::silu:
        pass.y[i] = x * math::sigmoid(x);
        break;
    }
  }
}

template <class Real>
void input_gradient(const Activation& op, const InputGradient<Real>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  const auto slope = static_cast<Real>(op.negative_slope);
  for (Index i = range.begin; i < range.end; ++i) {
    const Real dy = pass.dy[i];
    if (op.function == ActivationFunction::silu) {
      const Real x = pass.x[i], s = math::sigmoid(x);
      pass.dx[i] = dy * (s * std::fma(x, 1 - s, Real{1}));
      continue;
    }
    const Real y = pass.y[i];
    switch (op.function) {
      case ActivationFunction::relu:
        pass.dx[i] = y > 0 ? dy : Real{0};
        break;
      case ActivationFunction::sigmoid:
        pass.dx[i] = dy * (y * (1 - y));
        break;
      case ActivationFunction::tanh:
        pass.dx[i] = dy * std::fma(-y, y, Real{1});
        break;
      case ActivationFunction::leaky_relu:
        pass.dx[i] = y > 0 ? dy : slope * dy;
        break;
      case ActivationFunction::silu:
        break;
    }
  }
}

template <class Real>
void forward(const Add& op, const Forward<Real>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  for (Index i = range.begin; i < range.end; ++i) pass.y[i] = pass.x[i] + pass.other[i];
}

template <class Real>
void input_gradient(const Add& op, const InputGradient<Real>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  for (Index i = range.begin; i < range.end; ++i) pass.dx[i] = pass.dy[i];
}

}  // namespace convoy::reference
