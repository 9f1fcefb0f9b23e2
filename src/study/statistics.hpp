// SPDX-License-Identifier: Apache-2.0
// The statistics of a study with few repetitions. Disturbances on a shared machine multiply times
// rather than add to them (a slow minute makes everything slower by a factor), so means and
// intervals are those of logarithms: a geometric mean, and a 95 % interval by Student's t. Ratios
// of two configurations are formed within each round, in which every configuration ran once, before
// anything is averaged (a randomised block design); a slowdown of a whole round cancels out.
#pragma once

#include <span>
#include <vector>

namespace convoy::study {

// A value and the ends of its 95 % confidence interval; for a single repetition, which has no
// interval, both ends are NaN.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;

  bool has_interval() const { return low == low && high == high; }
};

// The p-quantile of Student's t with `freedom` degrees of freedom (Abramowitz and Stegun 26.7), for
// p in (0, 1), to about 1e-9.
double t_quantile(double p, double freedom);

// The arithmetic mean, for values of either sign.
Estimate mean(std::span<const double> values);
// The geometric mean, for positive values.
Estimate geometric_mean(std::span<const double> values);
// The geometric mean of above[i] / below[i], where both are from the same round.
Estimate ratio(std::span<const double> above, std::span<const double> below);

// The speedup divided by the number of workers: 1 is ideal.
Estimate efficiency(const Estimate& speedup, int workers);

// The serial fraction that follows from a speedup on `workers` > 1 (Karp and Flatt 1990):
// e = (1/S - 1/p) / (1 - 1/p). It falls where S rises, so the interval's ends are swapped.
Estimate karp_flatt(const Estimate& speedup, int workers);

// The serial fraction that follows from a scaled speedup on `workers` > 1: s = (p - S) / (p - 1),
// from Gustafson's S = p + (1 - p) s. It falls where S rises, too.
Estimate gustafson_share(const Estimate& speedup, int workers);

// Times of one round: seconds of the same work on 1 worker, and on each number of workers.
struct ScalingRound {
  double serial = 0;
  std::vector<int> workers;
  std::vector<double> seconds;
};

// The serial fraction f of T(p) = T(1) (f + (1 - f) / p) (Amdahl 1967), by least squares over the
// points of each round with p > 1; returns the mean over rounds, or NaN if no such point exists.
Estimate amdahl_fraction(std::span<const ScalingRound> rounds);

// The serial fraction s of the scaled speedup p + (1 - p) s (Gustafson 1988), computed the same
// way: here `seconds` are times of work that grew with p, so the scaled speedup is p T(1) / T(p).
Estimate gustafson_fraction(std::span<const ScalingRound> rounds);

double amdahl_speedup(double fraction, double workers);
double gustafson_speedup(double fraction, double workers);

}  // namespace convoy::study
