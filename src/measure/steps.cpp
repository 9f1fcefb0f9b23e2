// SPDX-License-Identifier: Apache-2.0
#include "measure/steps.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/clock.hpp"

namespace convoy::measure {
namespace {

// A step range wakes the threads once; it is long enough to hide that, as the trainer's are.
constexpr double kStepRangeSeconds = 0.02;
constexpr Index kMostSamples = Index{1} << 22;

}  // namespace

StepTimes::StepTimes(const ModelFile& model, const Dataset& data, const EngineOptions& options)
    : data_(data),
      batch_(options.batch),
      communicator_(alone()),
      engine_(
          make_engine(model.net, optimizer_of(model.net, model.train), options, *communicator_)) {
  engine_->set_state({initial_parameters(model.net, model.train.seed), {}});
}

double StepTimes::step_range(Index steps) {
  const auto samples = static_cast<std::size_t>(steps * batch_);
  for (std::size_t i = order_.size(); i < samples; ++i) {
    order_.push_back(static_cast<std::uint32_t>(i % static_cast<std::size_t>(data_.size())));
  }
  rates_.resize(static_cast<std::size_t>(steps));
  StepRange step_range;
  step_range.data = &data_;
  step_range.order = std::span(order_).first(samples);
  step_range.steps = {0, steps};
  step_range.batch = batch_;
  step_range.learning_rates = rates_;
  const Stopwatch watch;
  const StepRangeResult result = engine_->run(step_range);
  const double seconds = watch.seconds();
  if (result.outcome != Outcome::finished) {
    throw UserError(Fault::bad_data, "the first step's loss is not finite",
                    "the model's initial weights overflow", "choose other initialisers");
  }
  steps_done_ += steps;
  return seconds;
}

void StepTimes::run(double seconds) {
  const Stopwatch watch;
  if (steps_ == 0) {
    step_range(1);
    for (steps_ = 1; steps_ * batch_ < kMostSamples && step_range(steps_) < kStepRangeSeconds;) {
      steps_ *= 2;
    }
  }
  do {
    seconds_.push_back(step_range(steps_) / static_cast<double>(steps_));
  } while (watch.seconds() < seconds);
}

}  // namespace convoy::measure
