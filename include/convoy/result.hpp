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

enum class RunStatus {
  done,        ///< all epochs
  stopped,     ///< on request, after a complete step
  not_finite,  ///< a loss or a weight was not finite: the weights are those before that step
};

/// "done", "stopped", "not_finite". Thread-safe.
std::string_view to_string(RunStatus status);

/// The best epoch of a run that holds samples out: the one of the highest validation accuracy; of
/// equal ones that of the lowest validation loss; of equal ones the earliest.
struct BestEpoch {
  Index epoch = 0;  ///< from 1
  double validation_accuracy = 0;
  std::filesystem::path checkpoint;  ///< empty without a run folder, and beyond rank 0
};

struct TrainResult {
  RunStatus status = RunStatus::done;
  std::string message;               ///< of `not_finite`: epoch, step, loss and a remedy
  std::vector<EpochMetrics> epochs;  ///< of the whole run, those before it was resumed included
  Index steps = 0;                   ///< done by this call
  double train_seconds = 0;          ///< of the steps of `epochs` and of the unfinished epoch
  std::string weights_sha256;  ///< of all weights, 64 hexadecimal digits (docs/determinism.md)
  std::string state_sha256;    ///< of weights, optimizer state and number of steps
  std::filesystem::path checkpoint;  ///< the newest; empty without a run folder, and beyond rank 0
  std::optional<BestEpoch> best;     ///< where samples are held out and an epoch is done
  std::string initial_weights_sha256;  ///< where the run began with another's weights; on rank 0
};

/// Numbers of one kind of a layer.
struct NamedTensor {
  std::string name;           ///< "conv1.weight", "dense1.bias"
  std::vector<Index> shape;   ///< conv2d [row][column][channel][filter]; dense [input][output]
  std::vector<float> values;  ///< the last index runs fastest
};

}  // namespace convoy
