// SPDX-License-Identifier: Apache-2.0
#include "tests/train/fake_engine.hpp"

#include <algorithm>
#include <limits>

namespace convoy::train_tests {
namespace {

Buffer<float> copy(const Buffer<float>& from) {
  Buffer<float> to(from.size());
  std::copy_n(from.data(), from.size(), to.data());
  return to;
}

ModelState copy(const ModelState& from) {
  ModelState to{copy(from.parameters), {}};
  for (const Buffer<float>& slot : from.slots) to.slots.push_back(copy(slot));
  return to;
}

}  // namespace

StepRangeResult FakeEngine::run(const StepRange& step_range) {
  step_ranges.push_back(step_range.steps);
  StepRangeResult result;
  result.total = step_range.before;
  for (Index step = step_range.steps.begin; step < step_range.steps.end; ++step) {
    ++steps;
    if (steps == not_finite_at) {
      result.outcome = Outcome::not_finite;
      result.last_loss = std::numeric_limits<double>::quiet_NaN();
      return result;
    }
    const float rate =
        step_range.learning_rates[static_cast<std::size_t>(step - step_range.steps.begin)];
    const Index begin = step * step_range.batch;
    const Index end =
        std::min(begin + step_range.batch, static_cast<Index>(step_range.order.size()));
    StepMetrics step_metrics;
    for (Index i = begin; i < end; ++i) {
      const std::uint32_t sample = step_range.order[static_cast<std::size_t>(i)];
      float& weight = state_.parameters[0];
      weight = weight * 0.875f + rate * static_cast<float>(sample + 1);
      step_metrics.loss += 0.1 * static_cast<double>(sample + 1) + static_cast<double>(weight);
      step_metrics.samples += 1;
    }
    result.total.add(step_metrics);
    result.last_loss = step_metrics.loss / static_cast<double>(step_metrics.samples);
    result.steps_done += 1;
    if (steps == stop_at || (step_range.stop && step_range.stop->load())) {
      result.total.flags |= StepMetrics::stop_requested;
      result.outcome = Outcome::stopped;
      return result;
    }
  }
  return result;
}

Evaluation FakeEngine::evaluate(const Dataset&, std::span<const std::uint32_t> samples, bool) {
  Evaluation evaluation;
  const auto count = static_cast<Index>(samples.size());
  const auto call = static_cast<std::size_t>(evaluations++);
  const double accuracy = call < accuracies.size() ? accuracies[call] : 0.5;
  evaluation.metrics.samples = count;
  evaluation.metrics.correct = static_cast<Index>(accuracy * static_cast<double>(count) + 0.5);
  evaluation.metrics.loss = static_cast<double>(state_.parameters[0]) * static_cast<double>(count);
  evaluation.predictions.resize(samples.size());
  return evaluation;
}

ModelState FakeEngine::state() const {
  return copy(state_);
}

void FakeEngine::set_state(const ModelState& state) {
  state_ = copy(state);
}

const NetOptimizer& FakeEngine::optimizer() const {
  static const ModelFile model = tiny_model();
  optimizer_ = optimizer_of(model.net, made_with);
  return optimizer_;
}

}  // namespace convoy::train_tests
