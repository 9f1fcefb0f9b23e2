// SPDX-License-Identifier: Apache-2.0
// Activations and additions: activation.hpp, add.hpp, and the additions of the tree. It is the
// vector form of reference/activation.hpp.
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_ELEMENTWISE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_ELEMENTWISE_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_ELEMENTWISE_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_ELEMENTWISE_INL_HPP
#endif

#include "ops/op.hpp"
#include "ops/pass.hpp"
#include "ops/simd/elementwise/math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// y[i] = function(x[i], other[i]) for i in [begin, end); `other` may be x.
template <class Function>
HWY_INLINE void map(Range range, const float* x, const float* other, float* y,
                    const Function& function) {
  const Full d;
  const Index vl = lanes(d);
  Index i = range.begin;
  for (; i + vl <= range.end; i += vl) {
    hn::StoreU(function(hn::LoadU(d, x + i), hn::LoadU(d, other + i)), d, y + i);
  }
  if (i < range.end) {
    const auto mask = first_lanes(d, range.end - i);
    store_lanes(function(hn::MaskedLoad(mask, d, x + i), hn::MaskedLoad(mask, d, other + i)), mask,
                d, y + i);
  }
}

HWY_INLINE Range elements(Range units, Index size) {
  return {std::min(units.begin * kColumnBlock, size), std::min(units.end * kColumnBlock, size)};
}

HWY_INLINE Vector relu(Vector x) {
  return hn::IfThenElseZero(hn::Gt(x, hn::Zero(Full())), x);
}

HWY_INLINE Vector relu_gradient(Vector y, Vector dy) {
  return hn::IfThenElseZero(hn::Gt(y, hn::Zero(Full())), dy);
}

HWY_INLINE Vector leaky_relu(Vector x, Vector slope) {
  return hn::IfThenElse(hn::Gt(x, hn::Zero(Full())), x, hn::Mul(slope, x));
}

HWY_INLINE Vector leaky_relu_gradient(Vector y, Vector dy, Vector slope) {
  return hn::IfThenElse(hn::Gt(y, hn::Zero(Full())), dy, hn::Mul(slope, dy));
}

HWY_INLINE Vector silu_gradient(Vector x, Vector dy) {
  const auto one = hn::Set(Full(), 1.0F);
  const auto s = sigmoid(Full(), x);
  return hn::Mul(dy, hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one)));
}

inline void forward(const Activation& op, const Forward<float>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  switch (op.function) {
    case ActivationFunction::relu:
      return map(range, pass.x, pass.x, pass.y, [](Vector x, Vector) HWY_ATTR { return relu(x); });
    case ActivationFunction::sigmoid:
      return map(range, pass.x, pass.x, pass.y,
                 [](Vector x, Vector) HWY_ATTR { return sigmoid(Full(), x); });
    case ActivationFunction::tanh:
      return map(range, pass.x, pass.x, pass.y,
                 [](Vector x, Vector) HWY_ATTR { return tanh(Full(), x); });
    case ActivationFunction::leaky_relu: {
      const auto slope = static_cast<float>(op.negative_slope);
      return map(range, pass.x, pass.x, pass.y, [slope](Vector x, Vector) HWY_ATTR {
        return leaky_relu(x, hn::Set(Full(), slope));
      });
    }
    case ActivationFunction::silu:
      return map(range, pass.x, pass.x, pass.y,
                 [](Vector x, Vector) HWY_ATTR { return hn::Mul(x, sigmoid(Full(), x)); });
  }
}

inline void input_gradient(const Activation& op, const InputGradient<float>& pass, Range units) {
  const Range range = elements(units, pass.samples * op.in.size());
  switch (op.function) {
    case ActivationFunction::relu:
      return map(range, pass.y, pass.dy, pass.dx,
                 [](Vector y, Vector dy) HWY_ATTR { return relu_gradient(y, dy); });
    case ActivationFunction::sigmoid:
      return map(range, pass.y, pass.dy, pass.dx, [](Vector y, Vector dy) HWY_ATTR {
        const auto one = hn::Set(Full(), 1.0F);
        return hn::Mul(dy, hn::Mul(y, hn::Sub(one, y)));
      });
    case ActivationFunction::tanh:
      return map(range, pass.y, pass.dy, pass.dx, [](Vector y, Vector dy) HWY_ATTR {
        return hn::Mul(dy, hn::NegMulAdd(y, y, hn::Set(Full(), 1.0F)));
      });
    case ActivationFunction::leaky_relu: {
      const auto slope = static_cast<float>(op.negative_slope);
      return map(range, pass.y, pass.dy, pass.dx, [slope](Vector y, Vector dy) HWY_ATTR {
        return leaky_relu_gradient(y, dy, hn::Set(Full(), slope));
      });
    }
    case ActivationFunction::silu:
      return map(range, pass.x, pass.dy, pass.dx,
                 [](Vector x, Vector dy) HWY_ATTR { return silu_gradient(x, dy); });
  }
}

inline void forward(const Add& op, const Forward<float>& pass, Range units) {
  map(elements(units, pass.samples * op.in.size()), pass.x, pass.other, pass.y,
      [](Vector x, Vector other) HWY_ATTR { return hn::Add(x, other); });
}

inline void input_gradient(const Add& op, const InputGradient<float>& pass, Range units) {
  map(elements(units, pass.samples * op.in.size()), pass.dy, pass.dy, pass.dx,
      [](Vector dy, Vector) HWY_ATTR { return dy; });
}

// sum += addend: one addition of the tree.
inline void add(Index size, float* sum, const float* addend) {
  map({0, size}, sum, addend, sum, [](Vector a, Vector b) HWY_ATTR { return hn::Add(a, b); });
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
