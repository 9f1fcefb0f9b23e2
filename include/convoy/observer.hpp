// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a training tells the program while it runs.
///
/// @code
/// struct Printer : convoy::Observer {
///   void epoch(const convoy::EpochMetrics& metrics) override {
///     std::printf("epoch %d: %.2f %%\n", static_cast<int>(metrics.epoch),
///                 100 * metrics.test_accuracy);
///   }
/// };
/// @endcode
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "convoy/shape.hpp"

namespace convoy {

/// How far a run is.
struct Progress {
  Index epoch = 0;               ///< from 1
  Index epochs = 0;              ///< of the whole run
  Index step = 0;                ///< steps done in this epoch
  Index steps_per_epoch = 0;     ///< steps that this epoch has
  Index samples = 0;             ///< samples done in this epoch
  double loss = 0;               ///< mean over the samples of this epoch so far
  double images_per_second = 0;  ///< since the last call
  double seconds_left = 0;       ///< of the whole run's training steps, by this epoch's speed
};

/// What an epoch came to. Losses are means a sample, by the model's loss and the natural logarithm;
/// accuracies are fractions from 0 to 1.
struct EpochMetrics {
  Index epoch = 0;        ///< from 1
  double train_loss = 0;  ///< of the epoch's samples, each before its step's update
  std::optional<double> validation_loss = {};      ///< where samples are held out
  std::optional<double> validation_accuracy = {};  ///< likewise
  double test_loss = 0;
  double test_accuracy = 0;
  double seconds = 0;                         ///< wall time of the epoch's training steps alone
  double images_per_second = 0;               ///< samples by these seconds
  std::optional<double> train_accuracy = {};  ///< of the samples of train_loss; not in older files
  std::optional<double> learning_rate = {};   ///< of the epoch's last step; not in older files
};

/// Derive from it and override what is wanted; the functions here do nothing.
///
/// All calls come from the thread that called train(), between steps, one at a time; training waits
/// meanwhile, so a call should be short. They must not throw. On many ranks each rank's observer is
/// called.
class Observer {
 public:
  virtual ~Observer() = default;

  /// At least once an epoch, and as a rule at most about 100 times: at the end of the epoch, and
  /// within it after each n steps, n being a hundredth of the epoch's steps or as many as take
  /// 5 * 10^9 floating-point operations, whichever is more (at least one). Also where a checkpoint
  /// "every N steps" or a comparison of the ranks is due, and where the run is stopped. Not after a
  /// step whose loss or weights were not finite. On every rank alike.
  virtual void progress(const Progress&) {}

  /// Once an epoch, after its validation and test. On every rank alike.
  virtual void epoch(const EpochMetrics&) {}

  /// After each checkpoint, once its file is on the disk. On rank 0.
  virtual void checkpoint(const std::filesystem::path&) {}

  /// A sentence about something that does not end the run: fewer threads than asked for, labels
  /// that are doubtful, a damaged checkpoint that was passed over, a loss that says that training
  /// diverges. It may hold names from files: print it by way of printable() (error.hpp).
  virtual void warning(const std::string&) {}
};

}  // namespace convoy
