// SPDX-License-Identifier: Apache-2.0
// Training from a model and a data set to weights, with or without a run folder. The trainer knows
// neither threads nor ranks: it cuts the run into stretches and hands them to an engine.
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

// How a new run begins, where that is not the usual.
struct Beginning {
  Taken taken = Taken::refused;  // what becomes of it where its folder exists
  InitialWeights weights = {};   // those of another run; none: the model's own
};

// One run. Not thread-safe, but for `stop`. All functions are collective over the ranks, who give
// the same arguments; ranks that differ in model, data or version are named (UserError). Rank 0
// alone reads and writes the folder: the others need not see it.
class RunTrainer {
 public:
  // A new run. `folder` is created with its configuration and a checkpoint of the initial weights;
  // empty: nothing is written. Throws UserError(usage) where the folder is taken, or where the
  // fraction to be held out is none of the images; UserError where data, model and engine do not
  // fit. The engine must have been made for
  // the model's net, optimizer, batch and grain; it and the communicator must outlive the trainer.
  RunTrainer(const ModelFile& model, const TrainAndTest& data, const DataSettings& data_settings,
             Engine& engine, Communicator& communicator, const std::filesystem::path& folder,
             const Beginning& beginning = {});
  ~RunTrainer();
  RunTrainer(RunTrainer&&) noexcept;

  // Goes on with the newest good checkpoint of `folder`, in the middle of an epoch if need be.
  // `model` is the run's own (see open_run), with train.epochs raised where wanted. Throws
  // UserError where the data is not what the run began with, or a setting is another, which is
  // named. A run that is complete trains no further: train() returns its result. A config.toml that
  // was lost is written anew.
  static RunTrainer resume(const ModelFile& model, const TrainAndTest& data,
                           const DataSettings& data_settings, Engine& engine,
                           Communicator& communicator, const std::filesystem::path& folder);

  // Where the run is, on all ranks; empty where nothing is written.
  const std::filesystem::path& folder() const;

  // Runs to the end, to a stop, or to the first step that is not finite. Throws SystemError(io)
  // where the folder can't be written: the last checkpoint there is then still good. A stop is
  // taken after a step that was done; the checkpoint of that step is written before this returns.
  // A stop on any rank stops all. Ranks compare their weights every `verify_every` steps (0: never)
  // and at each checkpoint; SystemError(peer) names the one that differs. Whatever it throws,
  // status.json has it.
  TrainResult train(Observer& observer, const std::atomic<bool>* stop = nullptr,
                    CheckpointEvery checkpoint_every = {}, Index verify_every = 0);

 private:
  friend class Training;
  struct State;
  explicit RunTrainer(std::unique_ptr<State> state);
  static Checkpoint take_up(State& state, const std::string& data_name,
                            const std::filesystem::path& folder);
  std::unique_ptr<State> state_;
};

// What a run folder says of itself: enough to resume, evaluate or report it.
struct RunConfig {
  ModelFile model;
  DataSettings data;
  std::string train_sha256, test_sha256;  // of the data that it was trained and tested on
  std::string initial_weights_sha256;     // where it began with another's weights
  // What was wrong with config.toml, where it was lost or damaged: all this comes from the newest
  // checkpoint then. Those of older versions lack `data` (its name is empty) and `test_sha256`.
  std::string lost;
};
RunConfig open_run(const std::filesystem::path& folder);  // throws UserError, SystemError

// The epochs that it has done, as far as its metrics can be read. Throws SystemError(io).
std::vector<EpochMetrics> epochs_of_run(const std::filesystem::path& folder);

// A job that ended where its rank 0 could not say so any more: the folder's status.json becomes
// "failed" with this message, as well as it can be had.
void report_failure(const std::filesystem::path& folder, std::string_view message) noexcept;

}  // namespace convoy
