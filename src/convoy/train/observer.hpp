// SPDX-License-Identifier: Apache-2.0
// What a trainer tells whoever watches it. The library itself never prints.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "convoy/base/tensor.hpp"

namespace convoy {

// After each stretch of steps.
struct Progress {
  Index epoch = 0;  // from 1
  Index epochs = 0;
  Index step = 0;  // steps done in this epoch
  Index steps_per_epoch = 0;
  Index samples = 0;             // samples done in this epoch
  double loss = 0;               // mean over the samples of this epoch so far
  double images_per_second = 0;  // over the last stretch
  double seconds_left = 0;       // of the whole run's training steps, by this epoch's speed
};

struct EpochMetrics {
  Index epoch = 0;
  double train_loss = 0;  // mean over the samples of the epoch, each before its step's update
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
  double test_loss = 0;
  double test_accuracy = 0;
  double seconds = 0;  // wall time of the epoch's training steps alone
  double images_per_second = 0;
};

// Called by the thread that called Trainer::train(), between stretches of steps. Must not throw.
class Observer {
 public:
  virtual ~Observer() = default;
  // After every stretch, but for one whose loss or weights were not finite. A stretch ends with the
  // epoch, and within it after each n steps, n being a hundredth of the epoch's steps or as many as
  // take 5 * 10^9 floating-point operations, whichever is more (at least one); also where a
  // checkpoint "every N steps" or a comparison of the ranks is due, and where the run is stopped.
  // So: at least once an epoch, and as a rule at most about 100 times. On every rank alike.
  virtual void progress(const Progress&) {}
  virtual void epoch(const EpochMetrics&) {}                // after each epoch's evaluation
  virtual void checkpoint(const std::filesystem::path&) {}  // when its file is on the disk
  // A sentence about something that does not end the run: labels that are doubtful, a damaged
  // checkpoint that was passed over, a loss that says that training diverges.
  virtual void warning(const std::string&) {}
};

}  // namespace convoy
