// SPDX-License-Identifier: Apache-2.0
// Training from a model and a data set to weights, with or without a run folder. The trainer does
// not depend on threads or ranks: it divides the run into step ranges and passes them to an engine.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/observer.hpp"
#include "convoy/result.hpp"
#include "convoy/train.hpp"
#include "data/catalog.hpp"
#include "net/model_file.hpp"
#include "runtime/engine.hpp"
#include "train/data_settings.hpp"
#include "train/initial_weights.hpp"
#include "train/taken.hpp"

namespace convoy {

// How a new run begins, if it differs from the default.
struct Beginning {
  Taken taken = Taken::refused;  // what happens if its folder exists
  InitialWeights weights = {};   // those of another run; none: the model's own
};

// One run. Not thread-safe, except for `stop`. All functions are collective over the ranks, which
// pass the same arguments; ranks that differ in model, data or version are named (SharedError).
// Only rank 0 reads and writes the folder: the other ranks need no access to it.
class RunTrainer {
 public:
  // Begins a new run. `folder` is created with its configuration and a checkpoint of the initial
  // weights; empty: nothing is written. Throws UserError(usage) if the folder is taken, or if the
  // fraction to be held out amounts to no image; UserError if data, model and engine do not fit.
  // The engine must have been made for the model's net, optimizer, batch and grain; it and the
  // communicator must outlive the trainer.
  RunTrainer(const ModelFile& model, const TrainAndTest& data, const DataSettings& data_settings,
             Engine& engine, Communicator& communicator, const std::filesystem::path& folder,
             const Beginning& beginning = {});
  ~RunTrainer();
  RunTrainer(RunTrainer&&) noexcept;

  // Continues from the newest good checkpoint of `folder`, if necessary in the middle of an epoch.
  // `model` is the run's own (see open_run), in which train.epochs may be increased. Throws
  // UserError(usage) if a setting differs, which is named, also the name of data that is other
  // data; UserError(bad_data) if the data of the run's own name is no longer what the run began
  // with. A complete run trains no further: train() returns its result. A lost config.toml is
  // written again.
  static RunTrainer resume(const ModelFile& model, const TrainAndTest& data,
                           const DataSettings& data_settings, Engine& engine,
                           Communicator& communicator, const std::filesystem::path& folder);

  // The samples that an epoch trains on: those that are not held out, without the last batch where
  // train.drop_last leaves it out.
  Index samples_per_epoch() const;

  // The run's folder, on all ranks; empty if nothing is written.
  const std::filesystem::path& folder() const;

  // Trains until the run is complete, a stop is requested, or a step is not finite. Throws
  // SystemError(io) if the folder cannot be written; its last checkpoint is then still good. A stop
  // takes effect after a complete step, whose checkpoint is written before this returns. A stop on
  // any rank stops all. Ranks compare their weights every `verify_every` steps (0: never) and at
  // each checkpoint; SharedError(peer) names the one that differs. status.json records any error
  // that this throws.
  TrainResult train(Observer& observer, const std::atomic<bool>* stop = nullptr,
                    CheckpointEvery checkpoint_every = {}, Index verify_every = 0);

 private:
  friend class Training;
  struct State;
  explicit RunTrainer(std::unique_ptr<State> state);
  static Checkpoint open_newest(State& state, const std::string& data_name,
                                const std::filesystem::path& folder);
  std::unique_ptr<State> state_;
};

}  // namespace convoy
