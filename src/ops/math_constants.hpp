// SPDX-License-Identifier: Apache-2.0
// The constants of math.hpp's functions, shared with their vector forms
// (simd/elementwise/math-inl.hpp). A change of one changes every model that uses it.
//
// Polynomials are listed from the highest power down, as Horner's rule reads them. They interpolate
// the function at the Chebyshev nodes of the stated interval, and each coefficient was rounded once
// to its type.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace convoy::math {

template <class Real>
struct Constants;

template <>
struct Constants<float> {
  static constexpr float log2_e = 0x1.715476p+0F;
  // ln 2 in two parts: the product of the first part with a whole number up to 2^10 is exact.
  static constexpr float ln2_high = 0x1.63p-1F;
  static constexpr float ln2_low = -0x1.bd0106p-13F;
  // An addition of this number rounds to the nearest whole number (ties to even), which then stands
  // in the low bits of the sum.
  static constexpr float round_shift = 0x1.8p+23F;
  static constexpr int mantissa_bits = 23;
  static constexpr std::uint32_t bits_of_one = 0x3F800000U;
  static constexpr std::uint32_t sign_bit = 0x80000000U;

  static constexpr float exp_lowest = -87.0F;  // below: +0
  static constexpr float exp_highest = 88.0F;  // above: +infinity
  static constexpr float infinity = std::numeric_limits<float>::infinity();
  // (e^r - 1 - r) / r^2 on [-0.35, 0.35]
  static constexpr std::array<float, 5> exp_polynomial = {
      0x1.6d1606p-10F, 0x1.12106cp-7F, 0x1.555516p-5F, 0x1.5554d8p-3F, 0x1.000000p-1F};

  static constexpr float tanh_small = 0.625F;
  // (tanh(x) / x - 1) / x^2 in x^2, on [0, 0.625^2]
  static constexpr std::array<float, 5> tanh_polynomial = {
      -0x1.8f69aap-8F, 0x1.57fe54p-6F, -0x1.b924e2p-5F, 0x1.110e1ap-3F, -0x1.555552p-2F};
};

template <>
struct Constants<double> {
  static constexpr double log2_e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e4p-1;
  static constexpr double ln2_low = 0x1.7f7d1cf79abcap-20;
  static constexpr double round_shift = 0x1.8p+52;
  static constexpr int mantissa_bits = 52;
  static constexpr std::uint64_t bits_of_one = 0x3FF0000000000000U;
  static constexpr std::uint64_t sign_bit = 0x8000000000000000U;

  static constexpr double exp_lowest = -708.0;
  static constexpr double exp_highest = 709.0;
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr std::array<double, 10> exp_polynomial = {
      0x1.af3ce42b12b24p-26, 0x1.2894f52583578p-22, 0x1.71de0be2b5e96p-19, 0x1.a019b621f9d08p-16,
      0x1.a01a01a83ba17p-13, 0x1.6c16c1794e1dcp-10, 0x1.1111111110918p-7,  0x1.5555555553b6cp-5,
      0x1.5555555555556p-3,  0x1.0000000000001p-1};

  static constexpr double tanh_small = 0.625;
  static constexpr std::array<double, 13> tanh_polynomial = {
      -0x1.47087a0b2804cp-19, 0x1.998705d106e8ap-17, -0x1.3704528aef221p-15, 0x1.92d054a6455f0p-14,
      -0x1.f4fc42420d847p-13, 0x1.3551fcc4fc8afp-11, -0x1.7da2fcd5336b4p-10, 0x1.d6d3cc4dd516fp-9,
      -0x1.226e354dbd827p-7,  0x1.664f4882787d5p-6,  -0x1.ba1ba1ba1afd6p-5,  0x1.111111111110cp-3,
      -0x1.5555555555555p-2};

  // log((1 + s) / (1 - s)) = 2 s + s z R(z), z = s^2, on [0, 0.03]
  static constexpr std::uint64_t bits_of_sqrt_half = 0x3FE6A09E667F3BCDU;
  static constexpr std::array<double, 7> log_polynomial = {
      0x1.2be6c99b32a48p-3, 0x1.39f2bba043e06p-3, 0x1.74630f3e18fa7p-3, 0x1.c71c61a40ddfbp-3,
      0x1.2492492eefe17p-2, 0x1.99999999949d0p-2, 0x1.5555555555558p-1};

  // cos(2 pi u) = 1 + v C(v) and sin(2 pi u) = u S(v), v = u^2, on [0, 1/64]
  static constexpr std::array<double, 8> cos_polynomial = {
      0x1.1e73c6f085f29p-2, -0x1.b6de89a234c47p+0, 0x1.f9d38705ffcacp+2, -0x1.a6d1f2a085420p+4,
      0x1.e1f506891ae86p+5, -0x1.55d3c7e3cbff7p+6, 0x1.03c1f081b5ac4p+6, -0x1.3bd3cc9be45dep+4};
  static constexpr std::array<double, 8> sin_polynomial = {
      -0x1.6c5aaea56852bp-1, 0x1.e8eece6e29f2ap+1, -0x1.e3074b4c7418cp+3, 0x1.50783485c9a89p+5,
      -0x1.32d2cce62ac0cp+6, 0x1.466bc6775aad9p+6, -0x1.4abbce625be53p+5, 0x1.921fb54442d18p+2};
};

}  // namespace convoy::math
