// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "ops/math.hpp"

namespace convoy {
namespace {

double stepped(const TrainSettings& settings, double epochs) {
  // Truncation equals floor, because both are positive. The clamp keeps the conversion defined.
  const auto drops = static_cast<Index>(std::min(epochs / settings.step_epochs, 1e18));
  double rate = learning_rate(settings.optimizer);
  for (Index i = 0; i < drops; ++i) {
    const double next = rate * settings.step_factor;
    if (next == rate) break;  // 0, or a factor of 1: later drops change nothing
    rate = next;
  }
  return rate;
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
