// SPDX-License-Identifier: Apache-2.0
// The statistics of a study against known inputs: tables, closed forms, and data made by the law
// that is fitted.
#include "study/statistics.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

namespace convoy::study {
namespace {

TEST(Statistics, QuantilesAreThoseOfTheTables) {
  // Abramowitz and Stegun, table 26.10; R's qt() for the digits.
  constexpr std::array<std::array<double, 3>, 7> kKnown = {{{0.975, 1, 12.7062047361747},
                                                            {0.975, 2, 4.30265272974946},
                                                            {0.975, 4, 2.77644510519779},
                                                            {0.95, 9, 1.83311293265624},
                                                            {0.995, 30, 2.74999565356723},
                                                            {0.975, 1000, 1.96233908082641},
                                                            {0.75, 1, 1.0}}};
  for (const auto& [p, freedom, t] : kKnown) {
    EXPECT_NEAR(t_quantile(p, freedom), t, 1e-8) << p << ", " << freedom;
    EXPECT_NEAR(t_quantile(1 - p, freedom), -t, 1e-8);
  }
  EXPECT_EQ(t_quantile(0.5, 3), 0);
  EXPECT_TRUE(std::isnan(t_quantile(1, 3)));
  EXPECT_TRUE(std::isnan(t_quantile(0.5, 0)));
}

TEST(Statistics, MeansOfKnownValues) {
  const std::array values{1.0, 2.0, 3.0, 4.0, 5.0};
  const Estimate e = mean(values);
  EXPECT_DOUBLE_EQ(e.value, 3);
  const double half = 2.77644510519779 * std::sqrt(2.5 / 5);
  EXPECT_NEAR(e.low, 3 - half, 1e-8);
  EXPECT_NEAR(e.high, 3 + half, 1e-8);

  const std::array powers{1.0, 10.0, 100.0};
  EXPECT_NEAR(geometric_mean(powers).value, 10, 1e-12);
  EXPECT_NEAR(geometric_mean(powers).low * geometric_mean(powers).high, 100, 1e-9);

  const std::array one{7.0};
  EXPECT_DOUBLE_EQ(mean(one).value, 7);
  EXPECT_FALSE(mean(one).has_interval());
  EXPECT_TRUE(std::isnan(mean({}).value));
}

// A slow round slows both runs, so their ratio does not change.
TEST(Statistics, RatiosAreFormedWithinARound) {
  const std::array serial{10.0, 20.0, 15.0};
  const std::array parallel{5.0, 10.0, 7.5};
  const Estimate s = ratio(serial, parallel);
  EXPECT_NEAR(s.value, 2, 1e-12);
  EXPECT_NEAR(s.low, 2, 1e-9);
  EXPECT_NEAR(s.high, 2, 1e-9);
}

// Of many small samples, 95 % of the intervals hold the truth.
TEST(Statistics, IntervalsCoverAsOftenAsTheySay) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 0.1);
  constexpr int kTrials = 4000, kRounds = 5;
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::array<double, kRounds> times{};
    for (double& t : times) t = 3 * std::exp(noise(random));
    const Estimate e = geometric_mean(times);
    covered += e.low <= 3 && 3 <= e.high;
  }
  EXPECT_NEAR(covered / double{kTrials}, 0.95, 0.015);
}

TEST(Statistics, KarpFlattOfAmdahlIsItsFraction) {
  for (const double fraction : {0.0, 0.1, 0.5, 1.0}) {
    for (const int workers : {2, 4, 64}) {
      const double s = amdahl_speedup(fraction, workers);
      EXPECT_NEAR(karp_flatt({s, s, s}, workers).value, fraction, 1e-12);
    }
  }
  const Estimate e = karp_flatt({3, 2.5, 3.5}, 4);
  EXPECT_LT(e.low, e.value);
  EXPECT_LT(e.value, e.high);
  EXPECT_TRUE(std::isnan(karp_flatt({1, 1, 1}, 1).value));
}

TEST(Statistics, FitsFindTheLawThatMadeTheTimes) {
  const std::vector<int> workers{1, 2, 4, 8};
  std::vector<ScalingRound> amdahl, gustafson;
  for (const double serial : {1.0, 1.3, 0.9}) {
    ScalingRound a{serial, workers, {}}, g{serial, workers, {}};
    for (const int p : workers) {
      a.seconds.push_back(serial / amdahl_speedup(0.12, p));
      g.seconds.push_back(p * serial / gustafson_speedup(0.3, p));
    }
    amdahl.push_back(a);
    gustafson.push_back(g);
  }
  EXPECT_NEAR(amdahl_fraction(amdahl).value, 0.12, 1e-12);
  EXPECT_NEAR(amdahl_fraction(amdahl).high, 0.12, 1e-9);
  EXPECT_NEAR(gustafson_fraction(gustafson).value, 0.3, 1e-12);
  const std::vector<ScalingRound> alone{{1.0, {1}, {1.0}}};
  EXPECT_TRUE(std::isnan(amdahl_fraction(alone).value));
}

}  // namespace
}  // namespace convoy::study
