// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace convoy {
namespace {

constexpr double kPi = 3.14159265358979323846;

// The documented formula, with libm and without the implementation's shortcuts.
double expected(const TrainSettings& s, Index step, Index steps_per_epoch) {
  const auto per_epoch = static_cast<double>(steps_per_epoch);
  const double t = static_cast<double>(step) / per_epoch;
  if (t < s.warmup_epochs) {
    return learning_rate(s.optimizer) *
           std::fmin(static_cast<double>(step + 1) / (s.warmup_epochs * per_epoch), 1);
  }
  if (s.schedule == ScheduleKind::step) {
    return learning_rate(s.optimizer) * std::pow(s.step_factor, std::floor(t / s.step_epochs));
  }
  if (s.schedule == ScheduleKind::cosine) {
    const double x = (t - s.warmup_epochs) / (static_cast<double>(s.epochs) - s.warmup_epochs);
    return s.final_learning_rate +
           (learning_rate(s.optimizer) - s.final_learning_rate) * (1 + std::cos(kPi * x)) / 2;
  }
  if (s.schedule == ScheduleKind::multi_step) {
    double rate = learning_rate(s.optimizer);
    for (const double milestone : s.milestones) rate *= t >= milestone ? s.step_factor : 1;
    return rate;
  }
  if (s.schedule == ScheduleKind::exponential) {
    return learning_rate(s.optimizer) * std::pow(s.step_factor, t / s.step_epochs);
  }
  if (s.schedule == ScheduleKind::one_cycle) {
    const auto end = static_cast<double>(s.epochs);
    const double peak = s.pct_start * end, high = learning_rate(s.optimizer);
    const bool rises = t < peak;
    const double from = rises ? high / s.div_factor : high,
                 to = rises ? high : s.final_learning_rate;
    const double x = rises ? t / peak : (t - peak) / (end - peak);
    return from +
           (to - from) *
               (s.anneal_strategy == AnnealStrategy::linear ? x : (1 - std::cos(kPi * x)) / 2);
  }
  return learning_rate(s.optimizer);
}

TEST(Schedule, FollowsTheClosedForms) {
  std::mt19937 random(1);
  const auto draw = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  for (int trial = 0; trial < 600; ++trial) {
    TrainSettings s;
    s.schedule = static_cast<ScheduleKind>(trial % 6);
    s.epochs = 2 + trial % 7;
    s.optimizer = Sgd{draw(0.001, 1)};
    s.final_learning_rate = draw(0, 0.001);
    s.warmup_epochs = s.schedule != ScheduleKind::one_cycle && trial / 6 % 2 ? draw(0, 1.9) : 0;
    s.step_epochs = draw(0.3, 3);
    s.step_factor = draw(0.05, 1);
    for (double m = draw(0.1, 2); m < 9; m += draw(0.1, 4)) s.milestones.push_back(m);
    s.pct_start = trial % 4 == 0 ? static_cast<double>(trial / 4 % 2) : draw(0, 1);
    s.div_factor = draw(0.5, 30);
    s.anneal_strategy = trial / 6 % 2 ? AnnealStrategy::linear : AnnealStrategy::cos;
    const Index steps_per_epoch = 1 + trial % 23;
    for (Index step = 0; step < s.epochs * steps_per_epoch; ++step) {
      const double want = expected(s, step, steps_per_epoch);
      ASSERT_NEAR(learning_rate(s, step, steps_per_epoch), want, 2e-7 * learning_rate(s.optimizer))
          << "schedule " << trial % 6 << ", step " << step << " of " << steps_per_epoch;
    }
  }
}

TEST(Schedule, WarmUpRisesToTheFullRateAndNeverAbove) {
  TrainSettings s;
  s.optimizer = Sgd{0.3};
  s.epochs = 9;
  for (const double warmup : {0.1, 0.33, 1.0, 2.5}) {
    s.warmup_epochs = warmup;
    float last = 0;
    for (Index step = 0; step < 30; ++step) {
      const float rate = learning_rate(s, step, 7);
      EXPECT_GT(rate, 0);
      EXPECT_GE(rate, last);
      EXPECT_LE(rate, 0.3f);
      last = rate;
    }
    EXPECT_EQ(last, 0.3f);
  }
}

TEST(Schedule, StaysDefinedAtTheEdges) {
  TrainSettings s;
  s.schedule = ScheduleKind::cosine;
  s.epochs = 2;
  s.final_learning_rate = 0.001;
  EXPECT_EQ(learning_rate(s, 0, 10), 0.01f);
  EXPECT_EQ(learning_rate(s, 20, 10), 0.001f);
  EXPECT_EQ(learning_rate(s, 2000, 10), 0.001f);
  s.warmup_epochs = 2;  // no room for the cosine
  EXPECT_EQ(learning_rate(s, 19, 10), 0.01f);
  EXPECT_EQ(learning_rate(s, 20, 10), 0.001f);

  s = {};
  s.schedule = ScheduleKind::step;
  s.step_epochs = 1e-300;
  EXPECT_EQ(learning_rate(s, 1, 1), 0.0f);
  s.step_factor = 1;
  EXPECT_EQ(learning_rate(s, 1, 1), 0.01f);
}

}  // namespace
}  // namespace convoy
