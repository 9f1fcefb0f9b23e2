// SPDX-License-Identifier: Apache-2.0
// The trainer from its construction to its first step. trainer/resume.cpp continues a run, and
// trainer/run.cpp has the run itself.
#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "net/fit_batch.hpp"
#include "parallel/collectives.hpp"
#include "train/agreement.hpp"
#include "train/data_fit.hpp"
#include "train/run_folder.hpp"
#include "train/shared_data.hpp"
#include "train/trainer/state.hpp"

namespace convoy {
namespace {

// Checked because another grain or optimizer would train other weights than the configuration says.
void check_engine(const Engine& engine, const ModelFile& model) {
  const Index grain = model.train.grain;
  if (engine.grain() == grain && engine.optimizer() == optimizer_of(model.net, model.train)) return;
  throw UserError(Fault::usage, "the engine does not fit the model",
                  engine.grain() == grain
                      ? std::string("it has another optimizer, or other settings of it")
                      : fmt::format("it has grain {}, the model {}", engine.grain(), grain),
                  "make it with the model's grain and optimizer_of(model.net, model.train)");
}

// The images that the run reads. Those that the data set itself holds out may lie behind the limit,
// which split_of() sees to then.
Dataset limited(const TrainAndTest& all, Index limit) {
  const Dataset& data = all.train;
  if (limit < 0) {
    throw UserError(Fault::usage, fmt::format("the limit {} is negative", limit), "",
                    "give the number of training samples to use, or 0 for all");
  }
  const bool is_limited = limit > 0 && limit < data.size() && all.validation.empty();
  return is_limited ? data.first(limit) : data;
}

// The training images, and which of them validate.
Split split_of(const TrainAndTest& data, const Dataset& train, const DataSettings& settings,
               std::uint64_t seed) {
  if (!data.validation.empty()) return hold_out(train.size(), data.validation, settings.limit);
  return hold_out(train.size(), data.states_validation ? 0 : settings.validation, seed);
}

void check_held_out(const DataSettings& settings, const TrainAndTest& data, const Split& split,
                    Index samples) {
  if (settings.validation <= 0 || !split.validation.empty()) return;
  if (data.states_validation) {
    throw UserError(Fault::bad_data,
                    fmt::format("--validation {} holds out none of the training images of {}",
                                settings.validation, data.name),
                    "the data set itself states which are held out, and states none",
                    "load it with a larger fraction or another seed, or leave --validation out");
  }
  throw UserError(Fault::usage,
                  fmt::format("--validation {} holds out none of {} training images",
                              settings.validation, samples),
                  fmt::format("{} x {} is less than half an image", settings.validation, samples),
                  fmt::format("give {:.2g}, which holds out one image, or more; or leave it out",
                              1 / static_cast<double>(samples)));
}

}  // namespace

RunTrainer::State::State(const ModelFile& run_model, const TrainAndTest& data,
                         const DataSettings& run_settings, Engine& run_engine,
                         Communicator& run_communicator, bool run_keeps,
                         const std::string& run_initial_weights_sha256)
    : model(run_model),
      engine(run_engine),
      communicator(run_communicator),
      keeps(run_keeps),
      settings(run_settings),
      train(limited(data, settings.limit)),
      test(data.test),
      split(split_of(data, train, settings, model.train.seed)),
      test_samples(static_cast<std::size_t>(test.size())),
      order(parse_order(model.train.order)),
      initial_weights_sha256(run_initial_weights_sha256) {
  check_engine(engine, model);
  settings.validation_sha256 = validation_sha256(data.validation);
  warnings = data.notes;
  std::ranges::move(label_warnings(data), std::back_inserter(warnings));
  std::iota(test_samples.begin(), test_samples.end(), 0u);
  const auto samples = static_cast<Index>(split.train.size());
  const Index batch = model.train.batch;
  steps_per_epoch = model.train.drop_last ? samples / batch : (samples + batch - 1) / batch;
  samples_per_epoch = model.train.drop_last ? steps_per_epoch * batch : samples;
  if (!keeps && communicator.size() == 1) return;
  train_sha256 = shared_sha256(communicator, train);
  test_sha256 = shared_sha256(communicator, test);
  RunFacts facts;
  facts.model = model.text;
  facts.data = fmt::format(
      "limit {}\nvalidation {}\nvalidation samples {}\ntest fraction {}\ninitial weights {}",
      settings.limit, settings.validation, settings.validation_sha256, settings.test_fraction,
      initial_weights_sha256);
  facts.layout = fmt::format("grain {}\nrun folder {}", engine.grain(), keeps ? "yes" : "no");
  facts.train_sha256 = train_sha256;
  facts.test_sha256 = test_sha256;
  agree(communicator, facts);
}

void RunTrainer::State::check_data(const std::string& name) const {
  check_fit(model.net, train, test, name);
  if (train.empty()) {
    throw UserError(Fault::bad_data, fmt::format("{} has no training samples", name), "",
                    "choose other data");
  }
  const Index batch = model.train.batch;
  if (samples_per_epoch == 0) {
    throw UserError(
        Fault::bad_data,
        fmt::format("the {} training samples are no whole batch of {}", split.train.size(), batch),
        "train.drop_last leaves out a batch that is not full",
        "use a smaller train.batch, or train.drop_last=false");
  }
  check_batches_fit(model.net, samples_per_epoch < batch ? 0 : batch, samples_per_epoch % batch);
}

Checkpoint RunTrainer::State::checkpoint() const {
  Checkpoint now{
      model,       train.class_names(),   position, engine.state(), train_sha256, {}, {}, settings,
      test_sha256, initial_weights_sha256};
  now.weights_sha256 = weights_sha256(model.net, now.state);
  now.average_sha256 = average_sha256(model, now.state);
  now.state_sha256 = state_sha256(model.net, now.state, position.step);
  return now;
}

RunTrainer::RunTrainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunTrainer::~RunTrainer() = default;
RunTrainer::RunTrainer(RunTrainer&&) noexcept = default;

RunTrainer::RunTrainer(const ModelFile& model, const TrainAndTest& data,
                       const DataSettings& data_settings, Engine& engine,
                       Communicator& communicator, const std::filesystem::path& folder,
                       const Beginning& beginning)
    : state_(std::make_unique<State>(model, data, data_settings, engine, communicator,
                                     !folder.empty(), beginning.weights.sha256)) {
  state_->check_data(data.name);
  check_held_out(data_settings, data, state_->split, state_->train.size());
  Buffer<float> parameters = initial_parameters(model.net, model.train.seed);
  if (!beginning.weights.sha256.empty()) {
    const std::span<const float> given = beginning.weights.parameters.span();
    CONVOY_ASSERT(given.size() == parameters.span().size());
    std::ranges::copy(given, parameters.data());
  }
  engine.set_state(first_state(engine.optimizer(), std::move(parameters)));
  if (!state_->keeps) return;
  state_->path = on_first_rank(communicator, [&] {
    const RunIdentity identity{model, state_->settings, state_->train_sha256, state_->test_sha256,
                               state_->initial_weights_sha256};
    state_->folder.emplace(
        RunFolder::create(folder, identity, state_->checkpoint(), beginning.taken));
    state_->newest = state_->folder->checkpoint_file(0);
    return state_->folder->path().string();
  });
}

Index RunTrainer::samples_per_epoch() const {
  return state_->samples_per_epoch;
}

const std::filesystem::path& RunTrainer::folder() const {
  return state_->path;
}

std::string_view to_string(RunStatus status) {
  switch (status) {
    case RunStatus::done:
      return "done";
    case RunStatus::stopped:
      return "stopped";
    case RunStatus::not_finite:
      return "not_finite";
  }
  return "";
}

}  // namespace convoy
