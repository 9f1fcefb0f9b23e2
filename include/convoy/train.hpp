// SPDX-License-Identifier: Apache-2.0
/// @file
/// Training: one call for the common case, and a class for more.
///
/// @code
/// const convoy::Model model = convoy::load_model("lenet5");
/// const convoy::TrainAndTest data = convoy::load_data("fashion-mnist");
/// const auto result = convoy::train(model, data, {.folder = "runs/a", .validation = 0.1});
///
/// // The same command line begins a run and goes on with it after a kill.
/// convoy::train(model, data, {.folder = "runs/b", .resume = convoy::Resume::if_present});
///
/// // More epochs for a run that is done.
/// const convoy::Model longer = convoy::model_of_run("runs/a").with({"train.epochs=20"});
/// convoy::train(longer, data, {.folder = "runs/a", .resume = convoy::Resume::always,
///                              .validation = 0.1});
/// @endcode
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/compute.hpp"
#include "convoy/data.hpp"
#include "convoy/model.hpp"
#include "convoy/observer.hpp"
#include "convoy/result.hpp"
#include "convoy/session.hpp"
#include "convoy/shape.hpp"
#include "convoy/stop.hpp"

namespace convoy {

/// How often a checkpoint is written. One is written at the end of a run in any case.
struct CheckpointEvery {
  enum class Unit { steps, epochs, minutes, seconds };
  Unit unit = Unit::epochs;
  Index count = 1;  ///< at least 1
};

/// Reads "500steps", "1epoch", "30s", "10min", "1h". Throws UserError(usage). Thread-safe.
CheckpointEvery parse_checkpoint_every(std::string_view text);

/// What becomes of a run folder that exists. (An empty folder counts as none.)
enum class Resume {
  never,       ///< UserError(usage): a run never overwrites another
  if_present,  ///< a run there is continued; where there is none, one begins
  always,      ///< a run there is continued; UserError(not_found) where there is none
};

/// How to train, beside what model and data say. `limit`, `validation` and `initial_weights` have a
/// part in the weights; nothing else has.
struct TrainOptions {
  /// The run folder: configuration, metrics, and checkpoints of the newest two states and the best
  /// epoch (docs/formats.md). Made where it is missing. Empty: nothing is written.
  std::filesystem::path folder = {};
  Resume resume = Resume::never;

  /// Trains on the first `limit` samples; 0: on all.
  Index limit = 0;
  /// Holds out this part of them (from 0, below 1), chosen by the seed, to be measured after each
  /// epoch and to tell which epoch was best.
  double validation = 0;
  /// A checkpoint file or a run folder whose weights a new run begins with; empty: random weights.
  /// Names and shapes of all tensors have to be the model's.
  std::filesystem::path initial_weights = {};

  CheckpointEvery checkpoint_every = {};
  /// Ranks compare their weights every so many steps, and at each checkpoint; 0: only then.
  Index verify_every = 1000;

  /// Threads, device, and how work is divided.
  ComputeOptions compute = {};

  /// Looked at after every step; may be null. Must outlive the training.
  const StopSource* stop = nullptr;
};

/// Trains to the end, to a stop, or to the first step that is not finite.
///
/// Throws UserError: `usage` (options that contradict each other or the run in the folder, which is
/// named), `bad_data` (model and data do not fit each other, or a resumed run began with other
/// data), `not_found`, `unavailable` (a GPU); SystemError: `io` (the folder cannot be written; the
/// last checkpoint is still good), `peer` (a rank failed). Several threads may train at a time,
/// with different folders and observers; each call has threads of its own.
TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options = {});

/// The same, observed.
TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                  Observer& observer);

/// The same on the ranks of a job; all ranks call it (session.hpp). Rank 0 alone reads and writes
/// the folder: the others need not see it. The weights are those of one process.
TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                  Observer& observer, Session& session);

/// One training in parts: for programs that look at the weights, or that stop and go on.
///
/// @code
/// convoy::Trainer trainer(model, data, {.folder = "runs/a"});
/// std::printf("%d threads, %s\n", trainer.threads(), trainer.isa().c_str());
/// const convoy::TrainResult result = trainer.run();
/// const std::vector<convoy::NamedTensor> weights = trainer.weights();
/// @endcode
///
/// Not thread-safe: one call at a time, from the thread that made it. (A stop may come from any
/// thread: stop.hpp.) It keeps no reference to model, data and options but the pointer to the stop.
class Trainer {
 public:
  /// Makes the folder, or opens it to go on. Throws as train().
  Trainer(const Model& model, const TrainAndTest& data, const TrainOptions& options = {});
  /// Collective. The session must outlive the trainer.
  Trainer(const Model& model, const TrainAndTest& data, const TrainOptions& options,
          Session& session);
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  /// As train(). After a stop it can be called again, and goes on; after the end it returns the
  /// same result and does no step.
  TrainResult run();
  TrainResult run(Observer& observer);

  /// The run folder; empty where nothing is written.
  const std::filesystem::path& folder() const;
  /// Whether it goes on with a run that was begun earlier.
  bool resumed() const;

  /// What it runs on: threads that work, "cpu" or the GPU's name, and the vector instructions.
  int threads() const;
  std::string device() const;
  std::string isa() const;

  /// The weights of this moment, copied: for each layer its weight, then its bias. On every rank.
  std::vector<NamedTensor> weights() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The model of the run in `folder`, with the settings that it was begun with. Throws UserError
/// (`not_found`, `bad_data`), SystemError(io). Thread-safe.
Model model_of_run(const std::filesystem::path& folder);

}  // namespace convoy
