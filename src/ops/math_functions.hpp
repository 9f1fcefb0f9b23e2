// SPDX-License-Identifier: Apache-2.0
// The functions of math.hpp themselves, for the host and for a GPU (math.cpp, ops/cuda). Each is a
// sequence of operations without branches, all of which exist in every vector instruction set;
// where a function has two forms, both are computed and one is selected.
// simd/elementwise/math-inl.hpp repeats the float functions step by step.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/host_device.hpp"
#include "ops/math_constants.hpp"

#ifdef __FAST_MATH__
#error "convoy: fast-math changes the results; build the library without it"
#endif

namespace convoy::math {

template <class Real>
struct BitsOf;
template <>
struct BitsOf<float> {
  using Type = std::uint32_t;
};
template <>
struct BitsOf<double> {
  using Type = std::uint64_t;
};

template <std::floating_point Real>
CONVOY_HOST_DEVICE typename BitsOf<Real>::Type bits(Real x) {
  return std::bit_cast<typename BitsOf<Real>::Type>(x);
}

template <std::floating_point Real>
CONVOY_HOST_DEVICE Real magnitude(Real x) {
  return std::bit_cast<Real>(bits(x) & ~Constants<Real>::sign_bit);
}

template <std::floating_point Real>
CONVOY_HOST_DEVICE Real minus_magnitude(Real x) {
  return std::bit_cast<Real>(bits(x) | Constants<Real>::sign_bit);
}

// `x`, which is not negative, with the sign of `sign`.
template <std::floating_point Real>
CONVOY_HOST_DEVICE Real with_sign_of(Real x, Real sign) {
  return std::bit_cast<Real>(bits(x) | (bits(sign) & Constants<Real>::sign_bit));
}

// (The array is passed by value: on a GPU, a constant of the host has no address.)
template <std::floating_point Real, std::size_t Count>
CONVOY_HOST_DEVICE Real horner(const std::array<Real, Count> coefficients, Real x) {
  Real p = coefficients[0];
  for (std::size_t i = 1; i < Count; ++i) p = std::fma(p, x, coefficients[i]);
  return p;
}

// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln(2) / 2. Every result is zero, normal or
// infinite, so the mode for denormal numbers does not matter.
template <std::floating_point Real>
CONVOY_HOST_DEVICE Real exp_of(Real x) {
  using C = Constants<Real>;
  const Real not_low = x < C::exp_lowest ? C::exp_lowest : x;
  const Real clamped = not_low > C::exp_highest ? C::exp_highest : not_low;
  const Real shifted = std::fma(clamped, C::log2_e, C::round_shift);
  const Real n = shifted - C::round_shift;
  const Real r_high = std::fma(n, -C::ln2_high, clamped);
  const Real r = std::fma(n, -C::ln2_low, r_high);
  const Real q = horner(C::exp_polynomial, r);
  const Real q_r = std::fma(q, r, Real{1});
  const Real e_r = std::fma(q_r, r, Real{1});
  const Real power = std::bit_cast<Real>((bits(shifted) << C::mantissa_bits) + C::bits_of_one);
  const Real y = e_r * power;
  const Real y_low = x < C::exp_lowest ? Real{0} : y;
  return x > C::exp_highest ? C::infinity : y_low;
}

template <std::floating_point Real>
CONVOY_HOST_DEVICE Real sigmoid_of(Real x) {
  const Real e = exp_of(minus_magnitude(x));
  const Real numerator = x >= Real{0} ? Real{1} : e;
  return numerator / (Real{1} + e);
}

template <std::floating_point Real>
CONVOY_HOST_DEVICE Real tanh_of(Real x) {
  using C = Constants<Real>;
  const Real a = magnitude(x);
  const Real z = a * a;
  const Real p = horner(C::tanh_polynomial, z);
  const Real small = std::fma(p * z, a, a);
  const Real e = exp_of(a + a);
  const Real large = Real{1} - Real{2} / (e + Real{1});
  return with_sign_of(a < C::tanh_small ? small : large, x);
}

// x = 2^k m with sqrt(1/2) <= m < sqrt(2); log m = f - (f^2 / 2 - s (f^2 / 2 + z R(z))), where
// f = m - 1 and s = f / (2 + f): the two leading terms of the series are exact or nearly so.
CONVOY_HOST_DEVICE inline double log_of(double x) {
  using C = Constants<double>;
  if (!(x > 0)) return x == 0 ? -C::infinity : std::numeric_limits<double>::quiet_NaN();
  if (x == C::infinity) return x;
  const std::uint64_t above = bits(x) - C::bits_of_sqrt_half;
  const auto exponent = static_cast<std::int64_t>(above) >> C::mantissa_bits;
  const double k = static_cast<double>(exponent);
  const double m =
      std::bit_cast<double>(bits(x) - (static_cast<std::uint64_t>(exponent) << C::mantissa_bits));
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  const double half_square = 0.5 * f * f;
  const double tail = s * std::fma(z, horner(C::log_polynomial, z), half_square);
  const double low = std::fma(k, C::ln2_low, tail);
  return std::fma(k, C::ln2_high, f - (half_square - low));
}

// max(x, 0) + log(1 + e), e = e^-|x|. The rounding error of 1 + e is added back, so that a small e
// counts.
CONVOY_HOST_DEVICE inline double softplus_of(double x) {
  const double e = exp_of(minus_magnitude(x));
  const double u = 1 + e;
  const double log_1p = log_of(u) + (e - (u - 1)) / u;
  return x > 0 ? x + log_1p : log_1p;
}

}  // namespace convoy::math
