// SPDX-License-Identifier: Apache-2.0
// The project's own elementary functions against the C library's in long double: dense sweeps for
// accuracy, special values, and the ends of the range.
#include "ops/math.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace convoy {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The distance from `got` to `want` in units of the last place of `want` in Real.
template <class Real>
long double ulps(Real got, long double want) {
  const auto rounded = static_cast<Real>(std::abs(want));
  const Real smallest = std::numeric_limits<Real>::min();
  const Real at = rounded < smallest ? smallest : rounded;
  const Real next = std::nextafter(at, std::numeric_limits<Real>::infinity());
  return std::abs(static_cast<long double>(got) - want) / (static_cast<long double>(next) - at);
}

template <class Real, class Got, class Want>
long double worst_ulps(Real from, Real to, int steps, Got got, Want want) {
  long double worst = 0;
  for (int i = 0; i <= steps; ++i) {
    const Real x = from + (to - from) * (static_cast<Real>(i) / static_cast<Real>(steps));
    const long double error = ulps<Real>(got(x), want(static_cast<long double>(x)));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

long double exp_l(long double x) {
  return std::exp(x);
}
long double sigmoid_l(long double x) {
  return 1 / (1 + std::exp(-x));
}
long double tanh_l(long double x) {
  return std::tanh(x);
}
long double softplus_l(long double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

float exp_f(float x) {
  return math::exp(x);
}
float sigmoid_f(float x) {
  return math::sigmoid(x);
}
float tanh_f(float x) {
  return math::tanh(x);
}
double exp_d(double x) {
  return math::exp(x);
}
double sigmoid_d(double x) {
  return math::sigmoid(x);
}
double tanh_d(double x) {
  return math::tanh(x);
}

TEST(MathFloat, IsAccurateOverDenseSweeps) {
  constexpr int steps = 400'000;
  EXPECT_LE(worst_ulps(-87.0F, 88.0F, steps, exp_f, exp_l), 2);
  EXPECT_LE(worst_ulps(-1.0F, 1.0F, steps, exp_f, exp_l), 1.5L);
  EXPECT_LE(worst_ulps(-87.0F, 87.0F, steps, sigmoid_f, sigmoid_l), 4);
  EXPECT_LE(worst_ulps(-10.0F, 10.0F, steps, tanh_f, tanh_l), 3);
  EXPECT_LE(worst_ulps(-0.7F, 0.7F, steps, tanh_f, tanh_l), 3);
}

TEST(MathDouble, IsAccurateOverDenseSweeps) {
  constexpr int steps = 200'000;
  EXPECT_LE(worst_ulps(-708.0, 709.0, steps, exp_d, exp_l), 2);
  EXPECT_LE(worst_ulps(-1.0, 1.0, steps, exp_d, exp_l), 2);
  EXPECT_LE(worst_ulps(-700.0, 40.0, steps, sigmoid_d, sigmoid_l), 5);
  EXPECT_LE(worst_ulps(-20.0, 20.0, steps, tanh_d, tanh_l), 5);
  EXPECT_LE(worst_ulps(-0.7, 0.7, steps, tanh_d, tanh_l), 5);
  EXPECT_LE(worst_ulps(-700.0, 700.0, steps, math::softplus, softplus_l), 5);
  EXPECT_LE(worst_ulps(-3.0, 3.0, steps, math::softplus, softplus_l), 5);
  const auto log_l = [](long double x) { return std::log(x); };
  EXPECT_LE(worst_ulps(0.5, 2.0, steps, math::log, log_l), 3);
  EXPECT_LE(worst_ulps(1e-9, 1.0, steps, math::log, log_l), 3);
  EXPECT_LE(worst_ulps(1.0, 1e9, steps, math::log, log_l), 3);
}

TEST(MathDouble, LogHoldsAtEveryPowerOfTwo) {
  for (int exponent = -1022; exponent <= 1023; ++exponent) {
    for (const double m : {1.0, 1.0000001, 1.41421356, 1.41421357, 1.9999999}) {
      const double x = std::ldexp(m, exponent);
      EXPECT_LE(ulps(math::log(x), std::log(static_cast<long double>(x))), 3) << x;
    }
  }
}

TEST(MathDouble, CosTurnsIsAccurateAndExactAtQuarters) {
  const long double two_pi = 2 * std::acos(-1.0L);
  for (int i = -200'000; i <= 200'000; ++i) {
    const double t = i * 0.00001234567;
    const long double turn = static_cast<long double>(t) - std::round(static_cast<long double>(t));
    ASSERT_NEAR(math::cos_turns(t), static_cast<double>(std::cos(two_pi * turn)), 1e-15) << t;
  }
  for (const double whole : {0.0, 1.0, -1.0, 7.0, 1e9}) {
    EXPECT_EQ(math::cos_turns(whole), 1);
    EXPECT_EQ(math::cos_turns(whole + 0.25), 0);
    EXPECT_EQ(math::cos_turns(whole + 0.5), -1);
    EXPECT_EQ(math::cos_turns(whole + 0.75), 0);
  }
}

TEST(MathFloat, EndsAreCutWhereTheHeaderSays) {
  EXPECT_EQ(math::exp(std::nextafter(-87.0F, -kInfinity)), 0);
  EXPECT_GT(math::exp(-87.0F), std::numeric_limits<float>::min());
  EXPECT_EQ(math::exp(std::nextafter(88.0F, kInfinity)), kInfinity);
  EXPECT_LT(math::exp(88.0F), kInfinity);
  EXPECT_EQ(math::exp(-kInfinity), 0);
  EXPECT_FALSE(std::signbit(math::exp(-kInfinity)));
  EXPECT_EQ(math::exp(kInfinity), kInfinity);
  EXPECT_EQ(math::exp(0.0F), 1);
  EXPECT_EQ(math::exp(-0.0F), 1);
  EXPECT_EQ(math::sigmoid(kInfinity), 1);
  EXPECT_EQ(math::sigmoid(-kInfinity), 0);
  EXPECT_EQ(math::sigmoid(0.0F), 0.5F);
  EXPECT_EQ(math::sigmoid(-0.0F), 0.5F);
  EXPECT_EQ(math::tanh(kInfinity), 1);
  EXPECT_EQ(math::tanh(-kInfinity), -1);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(math::tanh(-0.0F)), 0x80000000U);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(math::tanh(0.0F)), 0U);
}

TEST(MathFloat, NanStaysNan) {
  for (const std::uint32_t bits :
       {0x7FC00000U, 0xFFC00000U, 0x7FC0FF81U, 0x7F800001U, 0xFFFFFFFFU}) {
    const auto nan = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(math::exp(nan))) << bits;
    EXPECT_TRUE(std::isnan(math::sigmoid(nan))) << bits;
    EXPECT_TRUE(std::isnan(math::tanh(nan))) << bits;
  }
}

TEST(MathDouble, SpecialValues) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto nan = static_cast<double>(kNan);
  EXPECT_EQ(math::log(0.0), -infinity);
  EXPECT_EQ(math::log(1.0), 0);
  EXPECT_EQ(math::log(infinity), infinity);
  EXPECT_TRUE(std::isnan(math::log(-1.0)));
  EXPECT_TRUE(std::isnan(math::log(nan)));
  EXPECT_TRUE(std::isnan(math::exp(nan)));
  EXPECT_TRUE(std::isnan(math::softplus(nan)));
  EXPECT_TRUE(std::isnan(math::cos_turns(nan)));
  EXPECT_TRUE(std::isnan(math::tanh(nan)));
  EXPECT_EQ(math::exp(-infinity), 0);
  EXPECT_EQ(math::exp(infinity), infinity);
  EXPECT_EQ(math::softplus(infinity), infinity);
  EXPECT_EQ(math::softplus(-infinity), 0);
  EXPECT_EQ(math::tanh(-infinity), -1);
  EXPECT_EQ(math::sigmoid(infinity), 1);
}

// At arguments where a function changes its formula, neighbouring results decrease by no more than
// the rounding.
TEST(MathFloat, SeamsAreContinuous) {
  for (const float seam : {0.625F, -0.625F, 0.34657359F, -0.34657359F, 1.0397208F, 0.0F}) {
    float x = seam - 1e-4F;
    while (x < seam + 1e-4F) {
      const float next = std::nextafter(x, kInfinity);
      ASSERT_GE(math::tanh(next), math::tanh(x) - 3e-7F) << x;
      ASSERT_GE(math::exp(next), math::exp(x) * (1 - 3e-7F)) << x;
      ASSERT_GE(math::sigmoid(next), math::sigmoid(x) - 3e-7F) << x;
      x = next + (seam == 0.0F ? 1e-7F : 0.0F);
    }
  }
}

TEST(MathFloat, StaysInsideItsRange) {
  for (int i = -2'000'000; i <= 2'000'000; i += 7) {
    const float x = static_cast<float>(i) * 1e-4F;
    ASSERT_GE(math::sigmoid(x), 0) << x;
    ASSERT_LE(math::sigmoid(x), 1) << x;
    ASSERT_LE(std::abs(math::tanh(x)), 1) << x;
    ASSERT_EQ(math::tanh(-x), -math::tanh(x)) << x;
  }
}

}  // namespace
}  // namespace convoy
