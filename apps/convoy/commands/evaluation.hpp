// SPDX-License-Identifier: Apache-2.0
// A checkpoint on a test set, for the commands that tell about it.
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"
#include "report/confusion.hpp"

namespace convoy::app {

struct TestResult {
  double accuracy = 0, loss = 0;
  Confusion confusion;
  std::vector<std::uint16_t> predictions;  // [samples]
  std::vector<float> probabilities;        // [samples][classes], where asked for
  std::vector<std::string> warnings;       // of the engine
};

// Throws UserError where data, model and layout do not fit.
TestResult test(const Checkpoint& checkpoint, const TrainAndTest& data, const Layout& layout,
                bool with_probabilities = false);

// A class without a name has its number.
std::vector<std::string> class_names(const Checkpoint& checkpoint);

}  // namespace convoy::app
