// SPDX-License-Identifier: Apache-2.0
// flatten.hpp. It is the vector form of reference/flatten.hpp.
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_FLATTEN_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_FLATTEN_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_FLATTEN_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_FLATTEN_INL_HPP
#endif

#include "ops/flatten.hpp"
#include "ops/simd/elementwise/elementwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

inline void forward(const Flatten& op, const Forward<float>& pass, Range units) {
  if (pass.x == pass.y) return;
  map(elements(units, pass.samples * op.in.size()), pass.x, pass.x, pass.y,
      [](Vector x, Vector) HWY_ATTR { return x; });
}

inline void input_gradient(const Flatten& op, const InputGradient<float>& pass, Range units) {
  if (pass.dx == pass.dy) return;
  map(elements(units, pass.samples * op.in.size()), pass.dy, pass.dy, pass.dx,
      [](Vector dy, Vector) HWY_ATTR { return dy; });
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
