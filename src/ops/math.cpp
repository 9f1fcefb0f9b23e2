// SPDX-License-Identifier: Apache-2.0
#include "ops/math.hpp"

#include "ops/math_functions.hpp"

namespace convoy::math {

float exp(float x) {
  return exp_of(x);
}
float sigmoid(float x) {
  return sigmoid_of(x);
}
float tanh(float x) {
  return tanh_of(x);
}

double exp(double x) {
  return exp_of(x);
}
double sigmoid(double x) {
  return sigmoid_of(x);
}
double tanh(double x) {
  return tanh_of(x);
}

double log(double x) {
  return log_of(x);
}

double softplus(double x) {
  return softplus_of(x);
}

// Requires |t| < 2^51. The fraction of a turn is folded twice, exactly, to at most an eighth.
double cos_turns(double t) {
  using C = Constants<double>;
  const double whole = (t + C::round_shift) - C::round_shift;
  const double fraction = magnitude(t - whole);  // [0, 1/2]
  const bool second_quarter = fraction > 0.25;
  const double quarter = second_quarter ? 0.5 - fraction : fraction;  // [0, 1/4]
  const bool second_eighth = quarter > 0.125;
  const double u = second_eighth ? 0.25 - quarter : quarter;  // [0, 1/8]
  const double v = u * u;
  const double cosine = std::fma(horner(C::cos_polynomial, v), v, 1.0);
  const double sine = horner(C::sin_polynomial, v) * u;
  const double y = second_eighth ? sine : cosine;
  return second_quarter ? -y : y;
}

}  // namespace convoy::math
