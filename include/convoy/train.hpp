// SPDX-License-Identifier: Apache-2.0
/// @file
/// Training: one call for the common case, and a class for programs that need more.
///
/// @code
/// const convoy::Model model = convoy::load_model("lenet5");
/// const convoy::TrainAndTest data = convoy::load_data("fashion-mnist");
/// const auto result = convoy::train(model, data, {.folder = "runs/a", .validation = 0.1});
///
/// // The same command line begins a run and continues it after a kill.
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
#include "convoy/optimizer.hpp"
#include "convoy/result.hpp"
#include "convoy/session.hpp"
#include "convoy/shape.hpp"
#include "convoy/stop.hpp"

namespace convoy {

/// How often a checkpoint is written. The end of a run always writes one.
struct CheckpointEvery {
  /// In what `count` is measured.
  enum class Unit { steps, epochs, minutes, seconds };
  Unit unit = Unit::epochs;  ///< unit of `count`
  Index count = 1;           ///< at least 1
};

/// Reads "500steps", "1epoch", "30s", "10min", "1h". Throws UserError(usage). Thread-safe.
CheckpointEvery parse_checkpoint_every(std::string_view text);

/// What happens if the run folder exists. (An empty folder counts as none.)
enum class Resume {
  never,       ///< throws UserError(usage): a run never overwrites another
  if_present,  ///< continues the run in the folder; begins one if there is none
  always,      ///< continues the run in the folder; throws UserError(not_found) if there is none
};

/// How to train, besides what model and data state. `limit`, `validation` and `initial_weights`
/// change the weights; all other options do not.
struct TrainOptions {
  /// The run folder: configuration, metrics, and checkpoints of the newest two states and the best
  /// epoch (docs/formats.md). It is created if it does not exist. Empty: nothing is written.
  std::filesystem::path folder = {};
  /// What happens if the run folder exists.
  Resume resume = Resume::never;

  /// Trains on the first `limit` samples; 0 trains on all. Where the data set states which samples
  /// are held out, these are not counted.
  Index limit = 0;
  /// Holds out this fraction of them (from 0, below 1), chosen by the seed. The held-out samples
  /// are measured after each epoch, and determine which epoch was best. 0 where the data set states
  /// them itself (TrainAndTest::states_validation).
  double validation = 0;
  /// A checkpoint file or a run folder whose weights a new run begins with (of the average and the
  /// trained weights, those that its model's evaluations read); empty: random weights.
  /// The names and shapes of all its tensors must equal the model's.
  std::filesystem::path initial_weights = {};

  /// How often a checkpoint is written into the run folder.
  CheckpointEvery checkpoint_every = {};
  /// Ranks compare their weights after every this many steps, and at each checkpoint; 0: only at
  /// checkpoints.
  Index verify_every = 1000;

  /// Threads, device, and how work is divided.
  ComputeOptions compute = {};

  /// Checked after every step; may be null. It must outlive the training.
  const StopSource* stop = nullptr;
};

/// Trains until all epochs are complete, a stop is requested, or a step is not finite.
///
/// Throws UserError: `usage` (options contradict each other or the run in the folder, and the
/// message names them; so does other data under another name), `bad_data` (model and data do not
/// fit each other, or the data of a resumed run has changed under its name), `not_found`,
/// `unavailable` (a GPU). Throws SystemError: `io` (the folder cannot be written; the last
/// checkpoint is still good), `peer` (a rank failed). Several threads may train at the same time,
/// with different folders and observers; each call has threads of its own.
TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options = {});

/// Does the same, and reports to `observer`.
TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                  Observer& observer);

/// Does the same on the ranks of a job; all ranks call it (session.hpp). Only rank 0 reads and
/// writes the folder: the other ranks need no access to it. The weights equal those of one process.
TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                  Observer& observer, Session& session);

/// A training in parts, for programs that look at the weights, or that stop and continue.
///
/// @code
/// convoy::Trainer trainer(model, data, {.folder = "runs/a"});
/// std::printf("%d threads, %s\n", trainer.threads(), trainer.isa().c_str());
/// const convoy::TrainResult result = trainer.run();
/// const std::vector<convoy::NamedTensor> weights = trainer.weights();
/// @endcode
///
/// Not thread-safe: the thread that made it makes one call at a time. (A stop may come from any
/// thread: stop.hpp.) It keeps no reference to model, data and options except the pointer to the
/// stop.
class Trainer {
 public:
  /// Creates the run folder, or opens it to continue. Throws the errors of train().
  Trainer(const Model& model, const TrainAndTest& data, const TrainOptions& options = {});
  /// Does the same on the ranks of a job. Collective. The session must outlive the trainer.
  Trainer(const Model& model, const TrainAndTest& data, const TrainOptions& options,
          Session& session);
  ~Trainer();
  Trainer(Trainer&&) noexcept;             ///< Moves; the other may only be destroyed.
  Trainer& operator=(Trainer&&) noexcept;  ///< Moves; the other may only be destroyed.

  /// Trains as train() does. After a stop a further call continues; after the end a further call
  /// returns the same result and does no step.
  TrainResult run();
  TrainResult run(Observer& observer);  ///< The same, and reports to `observer`.

  /// The run folder; empty if nothing is written.
  const std::filesystem::path& folder() const;
  /// Whether it continues a run that was begun earlier.
  bool resumed() const;

  int threads() const;         ///< The number of working threads.
  std::string device() const;  ///< "cpu", or the GPU's name.
  std::string isa() const;     ///< The vector instructions.

  /// Returns a copy of the current weights: for each layer its weight, then its bias, then its
  /// buffers (running statistics). Every rank gets them. `copy` chooses the trained weights or
  /// their average; where the model has no average (optimizer.hpp) both are the trained weights.
  /// The buffers of both are the same.
  std::vector<NamedTensor> weights(WeightsCopy copy = WeightsCopy::trained) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Returns the options with which load_data() reads images for this model: the size of its input
/// and the other keys of `[input]` that concern files (docs/formats.md). Thread-safe.
DataOptions data_options(const Model& model);

/// Returns the model of the run in `folder`, with the settings that it was begun with. Throws
/// UserError (`not_found`, `bad_data`), SystemError(io). Thread-safe.
Model model_of_run(const std::filesystem::path& folder);

}  // namespace convoy
