// SPDX-License-Identifier: Apache-2.0
// Training from a model and a data set to weights, with or without a run folder. The trainer knows
// neither threads nor ranks: it cuts the run into stretches and hands them to an engine.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/data/catalog.hpp"
#include "convoy/engine/engine.hpp"
#include "convoy/net/model_file.hpp"
#include "convoy/train/observer.hpp"

namespace convoy {

struct Checkpoint;

// What belongs to a run's identity beside the model file.
struct DataSettings {
  std::string name;       // as given: a catalog name or a folder
  Index limit = 0;        // the first `limit` training samples; 0: all
  double validation = 0;  // fraction of them held out
};

// How often a checkpoint is written: 500steps | 1epoch | 10min.
struct CheckpointEvery {
  enum class Unit { steps, epochs, minutes };
  Unit unit = Unit::epochs;
  Index count = 1;
};
CheckpointEvery parse_checkpoint_every(std::string_view text);  // throws UserError(usage)

enum class RunStatus { done, stopped, not_finite };
std::string_view to_string(RunStatus status);  // "done", "stopped", "not_finite"

struct TrainResult {
  RunStatus status = RunStatus::done;
  std::string message;               // for not_finite: epoch, step and loss
  std::vector<EpochMetrics> epochs;  // of the whole run, those before a resume included
  Index steps = 0;                   // done by this call of train()
  double train_seconds = 0;          // sum over `epochs` and the unfinished one
  std::string weights_sha256;
  std::string state_sha256;
  std::filesystem::path checkpoint;  // the newest; empty without a run folder, and beyond rank 0
};

// One run. Not thread-safe, but for `stop`. All functions are collective over the ranks, who give
// the same arguments; ranks that differ in model, data or version are named (UserError). Rank 0
// alone reads and writes the folder: the others need not see it.
class Trainer {
 public:
  // A new run. `folder` is created (UserError(usage) where it exists) with its configuration and a
  // checkpoint of the initial weights; empty: nothing is written.
  // Throws UserError where data, model and engine do not fit. The engine must have been made for
  // the model's net, optimizer, batch and grain; it and the communicator must outlive the trainer.
  Trainer(const Model& model, const TrainAndTest& data, const DataSettings& data_settings,
          Engine& engine, Communicator& communicator, const std::filesystem::path& folder);
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  // Goes on with the newest good checkpoint of `folder`, in the middle of an epoch if need be.
  // `model` is the run's own (see open_run), with train.epochs raised where wanted. Throws
  // UserError where the data is not what the run began with. A run that is complete trains no
  // further: train() returns its result.
  static Trainer resume(const Model& model, const TrainAndTest& data,
                        const DataSettings& data_settings, Engine& engine,
                        Communicator& communicator, const std::filesystem::path& folder);

  // Runs to the end, to a stop, or to the first step that is not finite. Throws SystemError(io)
  // where the folder can't be written: the last checkpoint there is then still good. A stop is
  // taken after a step that was done; the checkpoint of that step is written before this returns.
  // A stop on any rank stops all. Ranks compare their weights every `verify_every` steps (0: never)
  // and at each checkpoint; SystemError(peer) names the one that differs.
  TrainResult train(Observer& observer, const std::atomic<bool>* stop = nullptr,
                    CheckpointEvery checkpoint_every = {}, Index verify_every = 0);

 private:
  friend class Training;
  struct State;
  explicit Trainer(std::unique_ptr<State> state);
  static Checkpoint take_up(State& state, const DataSettings& data_settings,
                            const std::string& data_name, const std::filesystem::path& folder);
  std::unique_ptr<State> state_;
};

// What a run folder says of itself: enough to resume, evaluate or report it.
struct RunConfig {
  Model model;
  DataSettings data;
  std::string train_sha256, test_sha256;  // of the data that it was trained and tested on
};
RunConfig open_run(const std::filesystem::path& folder);  // throws UserError, SystemError

// The epochs that it has done, as far as its metrics can be read. Throws SystemError(io).
std::vector<EpochMetrics> epochs_of_run(const std::filesystem::path& folder);

// A job that ended where its rank 0 could not say so any more: the folder's status.json becomes
// "failed" with this message, as well as it can be had.
void report_failure(const std::filesystem::path& folder, std::string_view message) noexcept;

}  // namespace convoy
