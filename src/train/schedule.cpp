// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "ops/math.hpp"

namespace convoy {
namespace {

double dropped(const TrainSettings& settings, Index drops) {
  double rate = learning_rate(settings.optimizer);
  for (Index i = 0; i < drops; ++i) {
    const double next = rate * settings.step_factor;
    if (next == rate) break;  // 0, or a factor of 1: later drops change nothing
    rate = next;
  }
  return rate;
}

double stepped(const TrainSettings& settings, double epochs) {
  // Truncation equals floor, because both are positive. The clamp keeps the conversion defined.
  return dropped(settings, static_cast<Index>(std::min(epochs / settings.step_epochs, 1e18)));
}

double multi_stepped(const TrainSettings& settings, double epochs) {
  return dropped(settings,
                 std::ranges::count_if(settings.milestones, [&](double m) { return m <= epochs; }));
}

double exponential(const TrainSettings& settings, double epochs) {
  const double power = epochs / settings.step_epochs * math::log(settings.step_factor);
  return learning_rate(settings.optimizer) * math::exp(power);
}

// From 0 to 1 while x does so.
double annealed(AnnealStrategy strategy, double x) {
  return strategy == AnnealStrategy::linear ? x : (1 - math::cos_turns(x / 2)) / 2;
}

double one_cycle(const TrainSettings& settings, double epochs) {
  const auto end = static_cast<double>(settings.epochs);
  const double highest = learning_rate(settings.optimizer), peak = settings.pct_start * end;
  const AnnealStrategy strategy = settings.anneal_strategy;
  if (epochs < peak) {
    const double first = highest / settings.div_factor;
    return first + (highest - first) * annealed(strategy, epochs / peak);
  }
  if (epochs >= end) return settings.final_learning_rate;
  const double x = (epochs - peak) / (end - peak);
  return highest + (settings.final_learning_rate - highest) * annealed(strategy, x);
}

double cosine(const TrainSettings& settings, double epochs) {
  const double length = static_cast<double>(settings.epochs) - settings.warmup_epochs;
  if (length <= 0) return settings.final_learning_rate;
  const double progress = (epochs - settings.warmup_epochs) / length;
  if (progress >= 1) return settings.final_learning_rate;
  const double range = learning_rate(settings.optimizer) - settings.final_learning_rate;
  return settings.final_learning_rate + range * (1 + math::cos_turns(progress / 2)) / 2;
}

double rate_at(const TrainSettings& settings, Index step, Index steps_per_epoch) {
  const double epochs = static_cast<double>(step) / static_cast<double>(steps_per_epoch);
  if (epochs < settings.warmup_epochs) {
    const double warmup_steps = settings.warmup_epochs * static_cast<double>(steps_per_epoch);
    return learning_rate(settings.optimizer) *
           std::min(static_cast<double>(step + 1) / warmup_steps, 1.0);
  }
  switch (settings.schedule) {
    case ScheduleKind::constant:
      break;
    case ScheduleKind::step:
      return stepped(settings, epochs);
    case ScheduleKind::cosine:
      return cosine(settings, epochs);
    case ScheduleKind::multi_step:
      return multi_stepped(settings, epochs);
    case ScheduleKind::exponential:
      return exponential(settings, epochs);
    case ScheduleKind::one_cycle:
      return one_cycle(settings, epochs);
  }
  return learning_rate(settings.optimizer);
}

}  // namespace

float learning_rate(const TrainSettings& settings, Index step, Index steps_per_epoch) {
  const FloatEnvironment environment;  // sets ours; the caller's may differ
  CONVOY_ASSERT(step >= 0 && steps_per_epoch > 0);
  return static_cast<float>(rate_at(settings, step, steps_per_epoch));
}

}  // namespace convoy
