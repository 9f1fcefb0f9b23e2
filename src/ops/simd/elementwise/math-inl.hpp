// SPDX-License-Identifier: Apache-2.0
// exp, sigmoid, tanh and softplus on vectors; they repeat the functions of math.cpp step by step.
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_MATH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_MATH_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_MATH_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_MATH_INL_HPP
#endif

#include "ops/math_constants.hpp"
#include "ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

template <class D>
using ConstantsOf = math::Constants<hn::TFromD<D>>;

template <class D, size_t kCount>
HWY_INLINE hn::Vec<D> horner(D d, const std::array<hn::TFromD<D>, kCount>& coefficients,
                             hn::Vec<D> x) {
  hn::Vec<D> p = hn::Set(d, coefficients[0]);
  for (size_t i = 1; i < kCount; ++i) p = hn::MulAdd(p, x, hn::Set(d, coefficients[i]));
  return p;
}

// exp of a number that is at most exp_highest, or NaN. (Results for numbers below exp_lowest are
// not used, so such numbers need no clamp.)
template <class D>
HWY_INLINE hn::Vec<D> exp_of_not_high(D d, hn::Vec<D> x) {
  using C = ConstantsOf<D>;
  const hn::RebindToUnsigned<D> du;
  const auto round_shift = hn::Set(d, C::round_shift);
  const auto shifted = hn::MulAdd(x, hn::Set(d, C::log2_e), round_shift);
  const auto n = hn::Sub(shifted, round_shift);
  const auto r_high = hn::MulAdd(n, hn::Set(d, -C::ln2_high), x);
  const auto r = hn::MulAdd(n, hn::Set(d, -C::ln2_low), r_high);
  const auto one = hn::Set(d, hn::TFromD<D>{1});
  const auto q = horner(d, C::exp_polynomial, r);
  const auto q_r = hn::MulAdd(q, r, one);
  const auto e_r = hn::MulAdd(q_r, r, one);
  const auto power =
      hn::BitCast(d, hn::Add(hn::ShiftLeft<C::mantissa_bits>(hn::BitCast(du, shifted)),
                             hn::Set(du, C::bits_of_one)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, C::exp_lowest)), hn::Mul(e_r, power));
}

template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  using C = ConstantsOf<D>;
  const auto highest = hn::Set(d, C::exp_highest);
  const auto high = hn::Gt(x, highest);
  const auto y = exp_of_not_high(d, hn::IfThenElse(high, highest, x));
  return hn::IfThenElse(high, hn::Set(d, C::infinity), y);
}

template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0F);
  const auto e = exp_of_not_high(d, hn::Or(x, hn::SignBit(d)));
  const auto numerator = hn::IfThenElse(hn::Ge(x, hn::Zero(d)), one, e);
  return hn::Div(numerator, hn::Add(one, e));
}

template <class D>
HWY_INLINE hn::Vec<D> tanh(D d, hn::Vec<D> x) {
  using C = ConstantsOf<D>;
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

// log of a number that is positive, finite and not denormal.
template <class D>
HWY_INLINE hn::Vec<D> log_of_normal(D d, hn::Vec<D> x) {
  using C = ConstantsOf<D>;
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(di, x);
  const auto exponent = hn::ShiftRight<C::mantissa_bits>(
      hn::Sub(bits, hn::Set(di, static_cast<std::int64_t>(C::bits_of_sqrt_half))));
  const auto k = hn::ConvertTo(d, exponent);
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<C::mantissa_bits>(exponent)));
  const auto f = hn::Sub(m, hn::Set(d, 1.0));
  const auto s = hn::Div(f, hn::Add(hn::Set(d, 2.0), f));
  const auto z = hn::Mul(s, s);
  const auto half_square = hn::Mul(hn::Mul(hn::Set(d, 0.5), f), f);
  const auto tail = hn::Mul(s, hn::MulAdd(z, horner(d, C::log_polynomial, z), half_square));
  const auto low = hn::MulAdd(k, hn::Set(d, C::ln2_low), tail);
  return hn::MulAdd(k, hn::Set(d, C::ln2_high), hn::Sub(f, hn::Sub(half_square, low)));
}

template <class D>
HWY_INLINE hn::Vec<D> softplus(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0);
  const auto e = exp_of_not_high(d, hn::Or(x, hn::SignBit(d)));
  const auto u = hn::Add(one, e);
  const auto log_1p = hn::Add(log_of_normal(d, u), hn::Div(hn::Sub(e, hn::Sub(u, one)), u));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Add(x, log_1p), log_1p);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
