// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a training reports to the program while it runs.
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

/// How far a run has advanced.
struct Progress {
  Index epoch = 0;               ///< from 1
  Index epochs = 0;              ///< number of epochs of the whole run
  Index step = 0;                ///< steps done in this epoch
  Index steps_per_epoch = 0;     ///< steps that this epoch has
  Index samples = 0;             ///< samples done in this epoch
  double loss = 0;               ///< mean over the samples of this epoch so far
  double images_per_second = 0;  ///< speed since the last call
  double seconds_left = 0;  ///< time for the run's remaining training steps, at this epoch's speed
};

/// The result of one epoch. A loss is the mean over the samples, by the model's loss and the
/// natural logarithm; an accuracy is a fraction from 0 to 1.
struct EpochMetrics {
  Index epoch = 0;        ///< from 1
  double train_loss = 0;  ///< loss of the epoch's samples, each before its step's update
  std::optional<double> validation_loss = {};      ///< set if samples are held out
  std::optional<double> validation_accuracy = {};  ///< set if samples are held out
  double test_loss = 0;          ///< mean loss of the test samples; NaN if there are none
  double test_accuracy = 0;      ///< from 0 to 1; NaN if there are no test samples
  double seconds = 0;            ///< wall time of the epoch's training steps alone
  double images_per_second = 0;  ///< number of samples divided by `seconds`
  std::optional<double> train_accuracy = {};  ///< as train_loss; not in older files
  std::optional<double> learning_rate = {};   ///< rate of the epoch's last step; not in older files
};

/// Receives what a training reports. Derive from it and override the functions that you need; the
/// functions here do nothing.
///
/// All calls come from the thread that called train(), between steps, one at a time. Training waits
/// during a call, so a call should be short. The functions must not throw. On many ranks each rank
/// calls its own observer.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Called at least once per epoch, and normally at most about 100 times: at the end of the epoch,
  /// and within it after every n steps. n is a hundredth of the epoch's steps, or the number of
  /// steps that take 5 * 10^9 floating-point operations, whichever is greater; it is at least 1.
  /// Also called when a checkpoint "every N steps" or a comparison of the ranks is due, and when
  /// the run is stopped; not called after a step whose loss or weights were not finite. All ranks
  /// get the same calls.
  virtual void progress(const Progress&) {}

  /// Called once per epoch, after its validation and test. All ranks get the same calls.
  virtual void epoch(const EpochMetrics&) {}

  /// Called after each checkpoint, when its file is on the disk. Only rank 0 gets this call.
  virtual void checkpoint(const std::filesystem::path&) {}

  /// Called with a sentence about a problem that does not end the run: fewer threads than
  /// requested, doubtful labels, a damaged checkpoint that was skipped, a loss that shows that
  /// training diverges. The sentence may contain names from files: print it through printable()
  /// (error.hpp).
  virtual void warning(const std::string&) {}
};

}  // namespace convoy
