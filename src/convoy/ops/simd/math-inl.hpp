// SPDX-License-Identifier: Apache-2.0
// exp, sigmoid and tanh on vectors: math.cpp's float functions, step by step.
#if defined(CONVOY_OPS_SIMD_MATH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_MATH_INL_HPP
#undef CONVOY_OPS_SIMD_MATH_INL_HPP
#else
#define CONVOY_OPS_SIMD_MATH_INL_HPP
#endif

#include "convoy/ops/math_constants.hpp"
#include "convoy/ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

using MathConstants = math::Constants<float>;

template <class D, size_t kCount>
HWY_INLINE hn::Vec<D> horner(D d, const std::array<float, kCount>& coefficients, hn::Vec<D> x) {
  hn::Vec<D> p = hn::Set(d, coefficients[0]);
  for (size_t i = 1; i < kCount; ++i) p = hn::MulAdd(p, x, hn::Set(d, coefficients[i]));
  return p;
}

template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  using C = MathConstants;
  const hn::RebindToUnsigned<D> du;
  const auto lowest = hn::Set(d, C::exp_lowest), highest = hn::Set(d, C::exp_highest);
  const auto not_low = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
  const auto clamped = hn::IfThenElse(hn::Gt(not_low, highest), highest, not_low);
  const auto round_shift = hn::Set(d, C::round_shift);
  const auto shifted = hn::MulAdd(clamped, hn::Set(d, C::log2_e), round_shift);
  const auto n = hn::Sub(shifted, round_shift);
  const auto r_high = hn::MulAdd(n, hn::Set(d, -C::ln2_high), clamped);
  const auto r = hn::MulAdd(n, hn::Set(d, -C::ln2_low), r_high);
  const auto one = hn::Set(d, 1.0F);
  const auto q = horner(d, C::exp_polynomial, r);
  const auto q_r = hn::MulAdd(q, r, one);
  const auto e_r = hn::MulAdd(q_r, r, one);
  const auto power =
      hn::BitCast(d, hn::Add(hn::ShiftLeft<C::mantissa_bits>(hn::BitCast(du, shifted)),
                             hn::Set(du, C::bits_of_one)));
  const auto y = hn::Mul(e_r, power);
  const auto y_low = hn::IfThenElse(hn::Lt(x, lowest), hn::Zero(d), y);
  return hn::IfThenElse(hn::Gt(x, highest), hn::Set(d, C::infinity), y_low);
}

template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0F);
  const auto e = exp(d, hn::Or(x, hn::SignBit(d)));
  const auto numerator = hn::IfThenElse(hn::Ge(x, hn::Zero(d)), one, e);
  return hn::Div(numerator, hn::Add(one, e));
}

template <class D>
HWY_INLINE hn::Vec<D> tanh(D d, hn::Vec<D> x) {
  using C = MathConstants;
  const auto one = hn::Set(d, 1.0F);
  const auto a = hn::AndNot(hn::SignBit(d), x);
  const auto z = hn::Mul(a, a);
  const auto p = horner(d, C::tanh_polynomial, z);
  const auto small = hn::MulAdd(hn::Mul(p, z), a, a);
  const auto e = exp(d, hn::Add(a, a));
  const auto large = hn::Sub(one, hn::Div(hn::Set(d, 2.0F), hn::Add(e, one)));
  const auto y = hn::IfThenElse(hn::Lt(a, hn::Set(d, C::tanh_small)), small, large);
  return hn::Or(y, hn::And(x, hn::SignBit(d)));
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
