// SPDX-License-Identifier: Apache-2.0
// An engine without a net: its weights are a chain over (sample, learning rate), so that any step
// that is missed, repeated, or run in another order or at another rate shows in them.
#pragma once

#include <array>
#include <vector>

#include "runtime/engine.hpp"
#include "tests/train/support.hpp"

namespace convoy::train_tests {

class FakeEngine : public Engine {
 public:
  StepRangeResult run(const StepRange& step_range) override;
  Evaluation evaluate(const Dataset& data, std::span<const std::uint32_t> samples,
                      bool with_probabilities) override;
  ModelState state() const override;
  void set_state(const ModelState& state) override;
  Index grain() const override { return made_with.grain; }
  const NetOptimizer& optimizer() const override;
  int threads() const override { return 1; }
  std::string isa() const override { return "fake"; }
  std::string device() const override { return "fake"; }
  const std::vector<std::string>& warnings() const override { return warnings_; }

  // Settings of the test; steps are counted from 1 over the life of this engine.
  TrainSettings made_with = tiny_model().train;
  Index not_finite_at = 0;
  Index stop_at = 0;  // pretends that the stop was requested during this step
  std::vector<double>
      accuracies;  // of evaluations, one after the other; after these, they depend on the weights
  // Records for the test.
  Index steps = 0;
  std::vector<Range> step_ranges;
  Index evaluations = 0;

 private:
  ModelState state_;
  mutable NetOptimizer optimizer_;
  std::vector<std::string> warnings_;
};

}  // namespace convoy::train_tests
