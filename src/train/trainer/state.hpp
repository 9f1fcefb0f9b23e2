// SPDX-License-Identifier: Apache-2.0
// The state of a trainer between its construction and the end of its run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/order.hpp"
#include "train/run_folder.hpp"
#include "train/trainer.hpp"

namespace convoy {

struct RunTrainer::State {
  // Draws the validation samples, and checks that all ranks have the same run. Collective; `keeps`
  // is true if the run has a folder. Throws UserError, SharedError.
  State(const ModelFile& model, const TrainAndTest& data, const DataSettings& settings,
        Engine& engine, Communicator& communicator, bool keeps,
        const std::string& initial_weights_sha256 = "");

  // Throws UserError(bad_data) where the data, which has this name, does not fit the model, or has
  // no samples to train on.
  void check_data(const std::string& name) const;
  Checkpoint checkpoint() const;  // of the current state
  bool complete() const { return position.epoch > model.train.epochs; }

  ModelFile model;
  Engine& engine;
  Communicator& communicator;
  const bool keeps;  // whether there is a run folder, which rank 0 holds
  DataSettings settings;
  Dataset train;  // limited
  Dataset test;
  Split split;  // of `train`
  std::vector<std::uint32_t> test_samples;
  Order order;
  Index steps_per_epoch = 0;
  Index samples_per_epoch = 0;  // in these steps

  std::string train_sha256, test_sha256;  // empty if not needed
  std::string initial_weights_sha256;     // if the run began with given weights
  std::optional<RunFolder> folder;        // on rank 0, if there is one
  std::filesystem::path path;             // of the folder, on all ranks
  std::filesystem::path newest;           // checkpoint, on rank 0
  RunPosition position;
  std::vector<EpochMetrics> epochs;   // completed epochs
  std::vector<std::string> warnings;  // not yet reported
};

}  // namespace convoy
