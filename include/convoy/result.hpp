// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a training returns.
///
/// @code
/// const convoy::TrainResult result = convoy::train(model, data);
/// if (result.status == convoy::RunStatus::not_finite) std::puts(result.message.c_str());
/// else std::printf("%.4f\n", result.epochs.back().test_accuracy);
/// @endcode
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/observer.hpp"
#include "convoy/shape.hpp"

namespace convoy {

/// How a run ended.
enum class RunStatus {
  done,        ///< all epochs are complete
  stopped,     ///< stopped on request, after a complete step
  not_finite,  ///< a loss or a weight was not finite; the weights are those before that step
};

/// "done", "stopped", "not_finite". Thread-safe.
std::string_view to_string(RunStatus status);

/// The best epoch of a run that holds samples out: the one with the highest validation accuracy. If
/// several have it, the one with the lowest validation loss counts, and then the earliest.
struct BestEpoch {
  Index epoch = 0;                   ///< from 1
  double validation_accuracy = 0;    ///< from 0 to 1
  std::filesystem::path checkpoint;  ///< empty without a run folder, and on ranks other than 0
};

/// What a training achieved.
struct TrainResult {
  RunStatus status = RunStatus::done;  ///< how the training ended
  std::string message;                 ///< for `not_finite`: epoch, step, loss and a remedy
  std::vector<EpochMetrics> epochs;    ///< of the whole run, including those before a resume
  Index steps = 0;                     ///< number of steps that this call did
  double train_seconds = 0;    ///< time of the steps of `epochs` and of the unfinished epoch
  std::string weights_sha256;  ///< of all weights, 64 hexadecimal digits (docs/determinism.md)
  std::string average_sha256;  ///< of their average; empty where the model has none (optimizer.hpp)
  std::string state_sha256;    ///< of weights, optimizer state, average and number of steps
  std::filesystem::path checkpoint;    ///< the newest; on rank 0, if there is a run folder
  std::optional<BestEpoch> best;       ///< set if samples are held out and an epoch is complete
  std::string initial_weights_sha256;  ///< set on rank 0 if the run began with given weights
};

/// The weights, the biases or a buffer of one layer.
struct NamedTensor {
  std::string name;           ///< "conv1.weight", "dense1.bias"
  std::vector<Index> shape;   ///< conv2d [row][column][channel][filter]; dense [input][output]
  std::vector<float> values;  ///< in row-major order: the last index changes fastest
};

}  // namespace convoy
