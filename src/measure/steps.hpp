// SPDX-License-Identifier: Apache-2.0
// Measures how long a whole step takes in the engine that the trainer uses: gradients, reduction
// and update. The learning rate is 0, so that every step does the same work.
#pragma once

#include <memory>
#include <vector>

#include "net/model_file.hpp"
#include "runtime/engine.hpp"

namespace convoy::measure {

class StepTimes {
 public:
  // `model` and `data` must outlive this object.
  StepTimes(const ModelFile& model, const Dataset& data, const EngineOptions& options);

  const Engine& engine() const { return *engine_; }

  void run(double seconds);  // measures for about this time, at least one step range
  const std::vector<double>& seconds() const { return seconds_; }  // of a step, for each step range
  Index steps_done() const { return steps_done_; }  // includes those before the measurement

 private:
  double step_range(Index steps);  // returns seconds

  const Dataset& data_;
  const Index batch_;
  std::unique_ptr<Communicator> communicator_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::uint32_t> order_;
  std::vector<float> rates_;
  Index steps_ = 0;  // of a step range
  Index steps_done_ = 0;
  std::vector<double> seconds_;
};

}  // namespace convoy::measure
