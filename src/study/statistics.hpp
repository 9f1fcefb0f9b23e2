// SPDX-License-Identifier: Apache-2.0
// What a study infers from few repetitions. Times of a shared machine have factors rather than
// addends (a slow minute makes everything slower by so much), so means and intervals are those of
// logarithms: a geometric mean, and a 95 % interval by Student's t. Ratios of two configurations
// are formed within each round, in which every configuration ran once, before anything is averaged
// (a randomised block design), so that what slowed a whole round cancels out.
#pragma once

#include <span>
#include <vector>

namespace convoy::study {

// A value and the ends of its 95 % confidence interval; without one (a single repetition) both ends
// are NaN.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;

  bool has_interval() const { return low == low && high == high; }
};

// The p-quantile of Student's t with `freedom` degrees of freedom (Abramowitz and Stegun 26.7), for
// p in (0, 1), to about 1e-9.
double t_quantile(double p, double freedom);

// Of values that may have either sign: arithmetic mean.
Estimate mean(std::span<const double> values);
// Of positive values: geometric mean.
Estimate geometric_mean(std::span<const double> values);
// Geometric mean of above[i] / below[i]: of the same round.
Estimate ratio(std::span<const double> above, std::span<const double> below);

// Speedup over workers: 1 where nothing is lost.
Estimate efficiency(const Estimate& speedup, int workers);

// The serial fraction that a speedup by `workers` > 1 shows (Karp and Flatt 1990):
// e = (1/S - 1/p) / (1 - 1/p). It falls where S rises, so the interval's ends change places.
Estimate karp_flatt(const Estimate& speedup, int workers);

// The serial fraction that a scaled speedup by `workers` > 1 shows: s = (p - S) / (p - 1), from
// Gustafson's S = p + (1 - p) s. It falls where S rises, too.
Estimate gustafson_share(const Estimate& speedup, int workers);

// Times of one round: seconds of the same work by 1 worker, and by each number of them.
struct ScalingRound {
  double serial = 0;
  std::vector<int> workers;
  std::vector<double> seconds;
};

// The serial fraction f of T(p) = T(1) (f + (1 - f) / p) (Amdahl 1967), by least squares over the
// points of each round with p > 1; the mean over rounds. NaN where there is no such point.
Estimate amdahl_fraction(std::span<const ScalingRound> rounds);

// The serial fraction s of the scaled speedup p + (1 - p) s (Gustafson 1988), the same way: here
// `seconds` are those of work that grew with p, so the scaled speedup is p T(1) / T(p).
Estimate gustafson_fraction(std::span<const ScalingRound> rounds);

double amdahl_speedup(double fraction, double workers);
double gustafson_speedup(double fraction, double workers);

}  // namespace convoy::study
