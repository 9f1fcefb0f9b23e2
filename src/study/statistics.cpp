// SPDX-License-Identifier: Apache-2.0
#include "study/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace convoy::study {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kUpper = 0.975;  // quantile of a two-sided 95 % interval

// The continued fraction of the incomplete beta function by Lentz's method (Press et al., Numerical
// Recipes, 6.4).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kEnough = 1e-15;
  constexpr int kMost = 10000;
  const auto away_from_zero = [](double v) { return std::fabs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double result = d;
  for (int m = 1; m <= kMost; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double factor = 1;
    for (const double term : {even, odd}) {
      d = 1 / away_from_zero(1 + term * d);
      c = away_from_zero(1 + term / c);
      factor = c * d;
      result *= factor;
    }
    if (std::fabs(factor - 1) < kEnough) break;
  }
  return result;
}

// I_x(a, b), regularised.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

// P(T > t) for t >= 0.
double upper_tail(double t, double freedom) {
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
}

double average(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

Estimate without_interval(double value) {
  return {value, kNan, kNan};
}

template <class Function>
Estimate falling(const Estimate& e, const Function& f) {
  return {f(e.value), f(e.high), f(e.low)};
}

// Least squares of y = fraction * x, through the origin, for each round; then the mean over rounds.
template <class Point>
Estimate fitted_fraction(std::span<const ScalingRound> rounds, const Point& point) {
  std::vector<double> fractions;
  for (const ScalingRound& round : rounds) {
    double xy = 0, xx = 0;
    for (std::size_t i = 0; i < round.workers.size(); ++i) {
      if (round.workers[i] < 2) continue;
      const auto [x, y] = point(round, static_cast<double>(round.workers[i]), round.seconds[i]);
      xy += x * y;
      xx += x * x;
    }
    if (xx > 0) fractions.push_back(xy / xx);
  }
  return mean(fractions);
}

}  // namespace

double t_quantile(double p, double freedom) {
  if (!(p > 0 && p < 1) || !(freedom > 0)) return kNan;
  if (p < 0.5) return -t_quantile(1 - p, freedom);
  if (p == 0.5) return 0;
  double low = 0, high = 1;
  while (upper_tail(high, freedom) > 1 - p) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-13 * high; ++i) {
    const double middle = (low + high) / 2;
    (upper_tail(middle, freedom) > 1 - p ? low : high) = middle;
  }
  return (low + high) / 2;
}

Estimate mean(std::span<const double> values) {
  if (values.empty()) return {kNan, kNan, kNan};
  const double centre = average(values);
  if (values.size() < 2) return without_interval(centre);
  double squares = 0;
  for (const double v : values) squares += (v - centre) * (v - centre);
  const auto n = static_cast<double>(values.size());
  const double half = t_quantile(kUpper, n - 1) * std::sqrt(squares / (n - 1) / n);
  return {centre, centre - half, centre + half};
}

Estimate geometric_mean(std::span<const double> values) {
  std::vector<double> logarithms;
  for (const double v : values) logarithms.push_back(std::log(v));
  const Estimate e = mean(logarithms);
  return {std::exp(e.value), std::exp(e.low), std::exp(e.high)};
}

Estimate ratio(std::span<const double> above, std::span<const double> below) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(above.size(), below.size()); ++i) {
    ratios.push_back(above[i] / below[i]);
  }
  return geometric_mean(ratios);
}

Estimate efficiency(const Estimate& speedup, int workers) {
  return {speedup.value / workers, speedup.low / workers, speedup.high / workers};
}

Estimate karp_flatt(const Estimate& speedup, int workers) {
  if (workers < 2) return {kNan, kNan, kNan};
  const double share = 1.0 / workers;
  return falling(speedup, [share](double s) { return (1 / s - share) / (1 - share); });
}

Estimate gustafson_share(const Estimate& speedup, int workers) {
  if (workers < 2) return {kNan, kNan, kNan};
  return falling(speedup, [workers](double s) { return (workers - s) / (workers - 1); });
}

Estimate amdahl_fraction(std::span<const ScalingRound> rounds) {
  // T(p) / T(1) - 1/p = f (1 - 1/p)
  return fitted_fraction(rounds, [](const ScalingRound& round, double p, double seconds) {
    return std::pair(1 - 1 / p, seconds / round.serial - 1 / p);
  });
}

Estimate gustafson_fraction(std::span<const ScalingRound> rounds) {
  // p - S = (p - 1) s
  return fitted_fraction(rounds, [](const ScalingRound& round, double p, double seconds) {
    return std::pair(p - 1, p - p * round.serial / seconds);
  });
}

double amdahl_speedup(double fraction, double workers) {
  return 1 / (fraction + (1 - fraction) / workers);
}

double gustafson_speedup(double fraction, double workers) {
  return workers + (1 - workers) * fraction;
}

}  // namespace convoy::study
