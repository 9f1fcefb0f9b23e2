// SPDX-License-Identifier: Apache-2.0
// A trainer from its construction or resumption up to its first step. training.cpp has the run
// itself.
#include "convoy/train/trainer.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <numeric>
#include <sstream>

#include "convoy/base/check.hpp"
#include "convoy/comm/collectives.hpp"
#include "convoy/train/agreement.hpp"
#include "convoy/train/data_fit.hpp"
#include "convoy/train/shared_data.hpp"
#include "convoy/train/trainer_state.hpp"

namespace convoy {
namespace {

// Another grain or optimizer would train other weights than the run's configuration says.
void check_engine(const Engine& engine, const TrainSettings& settings) {
  const Sgd made = engine.optimizer(), wanted = optimizer_of(settings);
  if (engine.grain() == settings.grain && made.momentum == wanted.momentum &&
      made.nesterov == wanted.nesterov && made.weight_decay == wanted.weight_decay &&
      (made.momentum != 0) == (settings.momentum != 0)) {
    return;
  }
  throw UserError(
      Fault::usage, "the engine does not fit the model",
      fmt::format("grain {}, momentum {}, weight decay {}; the model says grain {}, momentum {}, "
                  "weight decay {}",
                  engine.grain(), made.momentum, made.weight_decay, settings.grain,
                  settings.momentum, settings.weight_decay),
      "make it with model.train.grain and optimizer_of(model.train)");
}

Dataset limited(const Dataset& data, Index limit) {
  if (limit < 0) {
    throw UserError(Fault::usage, fmt::format("the limit {} is negative", limit), "",
                    "give the number of training samples to use, or 0 for all");
  }
  return limit > 0 && limit < data.size() ? data.first(limit) : data;
}

ModelState initial_state(const Model& model) {
  ModelState state;
  state.parameters = initial_parameters(model.net, model.train.seed);
  if (model.train.momentum != 0) state.velocity = Buffer<float>(model.net.arena_size());
  return state;
}

// The model's text as it would be with other epochs: what two texts of one run have in common.
std::string text_with_epochs(const Model& model, Index epochs) {
  const std::array<Override, 1> overrides{fmt::format("train.epochs={}", epochs)};
  return parse_model(model.text, "the run's model", overrides).text;
}

void check_same_run(const Model& model, const DataSettings& settings, const RunIdentity& identity,
                    const std::string& folder) {
  const Index epochs = model.train.epochs;
  if (text_with_epochs(model, epochs) != text_with_epochs(identity.model, epochs)) {
    throw UserError(Fault::usage,
                    fmt::format("the run {} can't continue with another model", folder),
                    "model or settings differ from its config.toml; train.epochs alone may change",
                    "leave them as they are, or begin a new run");
  }
  if (epochs < identity.model.train.epochs) {
    throw UserError(
        Fault::usage, fmt::format("the run {} can't be shortened", folder),
        fmt::format("it was begun for {} epochs, not {}", identity.model.train.epochs, epochs),
        "raise train.epochs or leave it; to end earlier, stop the run");
  }
  if (settings.limit != identity.data.limit || settings.validation != identity.data.validation) {
    throw UserError(Fault::usage, fmt::format("the run {} can't continue with other data", folder),
                    fmt::format("its limit is {} and its validation part {}", identity.data.limit,
                                identity.data.validation),
                    "leave them as they are, or begin a new run");
  }
}

void check_same_data(const std::string& found, const std::string& wanted, std::string_view part,
                     const std::string& data_name, const std::string& folder) {
  if (found == wanted) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("the run {} can't continue with the {} data of {}", folder, part, data_name),
      fmt::format("it began with other images or labels: SHA-256 {}, not {}", wanted, found),
      "give the data that it began with, or begin a new run");
}

// What rank 0 tells the others of a checkpoint: memory as it is.
template <class T>
std::string bytes_of(std::span<T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

Buffer<float> floats_of(const std::string& bytes) {
  Buffer<float> floats(static_cast<Index>(bytes.size() / sizeof(float)));
  std::memcpy(floats.data(), bytes.data(), bytes.size());
  return floats;
}

std::string to_text(const std::vector<EpochMetrics>& epochs) {
  std::string text;
  for (const EpochMetrics& epoch : epochs) text += metrics_line(epoch) + "\n";
  return text;
}

std::vector<EpochMetrics> metrics_of(const std::string& text) {
  std::vector<EpochMetrics> epochs;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) epochs.push_back(parse_metrics_line(line));
  return epochs;
}

}  // namespace

Trainer::State::State(const Model& run_model, const TrainAndTest& data,
                      const DataSettings& settings, Engine& run_engine,
                      Communicator& run_communicator, bool run_keeps)
    : model(run_model),
      engine(run_engine),
      communicator(run_communicator),
      keeps(run_keeps),
      train(limited(data.train, settings.limit)),
      test(data.test),
      split(hold_out(train.size(), settings.validation, model.train.seed)),
      test_samples(static_cast<std::size_t>(test.size())),
      order(parse_order(model.train.order)) {
  check_engine(engine, model.train);
  check_fit(model.net, train, test, data.name);
  warnings = label_warnings(data);
  if (train.empty()) {
    throw UserError(Fault::bad_data, fmt::format("{} has no training samples", data.name), "",
                    "choose other data");
  }
  std::iota(test_samples.begin(), test_samples.end(), 0u);
  const auto samples = static_cast<Index>(split.train.size());
  steps_per_epoch = (samples + model.train.batch - 1) / model.train.batch;
  if (!keeps && communicator.size() == 1) return;
  train_sha256 = shared_sha256(communicator, train);
  test_sha256 = shared_sha256(communicator, test);
  RunFacts facts;
  facts.model = model.text;
  facts.data = fmt::format("limit {}\nvalidation {}", settings.limit, settings.validation);
  facts.layout = fmt::format("grain {}\nrun folder {}", engine.grain(), keeps ? "yes" : "no");
  facts.train_sha256 = train_sha256;
  facts.test_sha256 = test_sha256;
  agree(communicator, facts);
}

Checkpoint Trainer::State::checkpoint() const {
  Checkpoint now{model, train.class_names(), position, engine.state(), train_sha256, {}, {}};
  now.weights_sha256 = weights_sha256(model.net, now.state);
  now.state_sha256 = state_sha256(model.net, now.state, position.step);
  return now;
}

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

Trainer::Trainer(const Model& model, const TrainAndTest& data, const DataSettings& data_settings,
                 Engine& engine, Communicator& communicator, const std::filesystem::path& folder)
    : state_(std::make_unique<State>(model, data, data_settings, engine, communicator,
                                     !folder.empty())) {
  engine.set_state(initial_state(model));
  if (!state_->keeps) return;
  on_first_rank(communicator, [&] {
    const RunIdentity identity{model, data_settings, state_->train_sha256, state_->test_sha256};
    state_->folder = RunFolder::create(folder, identity, state_->checkpoint());
    state_->newest = state_->folder->checkpoint_file(0);
    return std::string();
  });
}

// Rank 0 alone: opens the folder and finds where to go on.
Checkpoint Trainer::take_up(State& state, const DataSettings& data_settings,
                            const std::string& data_name, const std::filesystem::path& folder) {
  const Model& model = state.model;
  const Index epochs = model.train.epochs;
  RunFolder run = RunFolder::open(folder);
  const RunIdentity identity = read_identity(folder);
  check_same_run(model, data_settings, identity, folder.string());
  check_same_data(state.train_sha256, identity.train_sha256, "training", data_name,
                  folder.string());
  check_same_data(state.test_sha256, identity.test_sha256, "test", data_name, folder.string());

  FoundCheckpoint found = run.take_newest_checkpoint();
  const RunPosition& place = found.checkpoint.position;
  if (text_with_epochs(found.checkpoint.model, epochs) != text_with_epochs(model, epochs) ||
      place.epoch > epochs + 1 || place.epoch_step > state.steps_per_epoch ||
      place.step != (place.epoch - 1) * state.steps_per_epoch + place.epoch_step) {
    throw UserError(Fault::bad_data,
                    fmt::format("{} is not a checkpoint of its run", found.file.string()),
                    "its model or its position in the run does not match", "remove that file");
  }
  for (const std::string& reason : found.damaged) {
    state.warnings.push_back(fmt::format(
        "a damaged checkpoint was passed over; going on from {}. {}", found.file.string(), reason));
  }
  if (epochs > identity.model.train.epochs && model.train.schedule == ScheduleKind::cosine) {
    state.warnings.push_back(fmt::format(
        "the cosine schedule ends with the last epoch: with {} epochs instead of {} the learning "
        "rate differs from that of a run begun with {}",
        epochs, identity.model.train.epochs, epochs));
  }
  state.newest = found.file;
  state.epochs = run.keep_metrics(place.epoch - 1);
  if (static_cast<Index>(state.epochs.size()) < place.epoch - 1) {
    state.warnings.push_back(fmt::format("{} lacks epochs before {}: the file was damaged",
                                         (folder / "metrics.jsonl").string(), place.epoch));
  }
  if (epochs != identity.model.train.epochs) {
    run.replace_identity({model, identity.data, identity.train_sha256, identity.test_sha256});
  }
  state.folder = std::move(run);
  return std::move(found.checkpoint);
}

Trainer Trainer::resume(const Model& model, const TrainAndTest& data,
                        const DataSettings& data_settings, Engine& engine,
                        Communicator& communicator, const std::filesystem::path& folder) {
  auto state = std::make_unique<State>(model, data, data_settings, engine, communicator, true);
  const std::vector<std::string> told = unpack(on_first_rank(communicator, [&] {
    const Checkpoint checkpoint = take_up(*state, data_settings, data.name, folder);
    const std::vector<std::string> parts{
        bytes_of(std::span(&checkpoint.position, 1)), bytes_of(checkpoint.state.parameters.span()),
        bytes_of(checkpoint.state.velocity.span()), to_text(state->epochs)};
    return pack(parts);
  }));
  ModelState weights;
  std::memcpy(&state->position, told.at(0).data(), sizeof(RunPosition));
  weights.parameters = floats_of(told.at(1));
  weights.velocity = floats_of(told.at(2));
  state->epochs = metrics_of(told.at(3));
  engine.set_state(weights);
  return Trainer(std::move(state));
}

RunConfig open_run(const std::filesystem::path& folder) {
  RunIdentity identity = read_identity(folder);
  return {std::move(identity.model), std::move(identity.data), std::move(identity.train_sha256),
          std::move(identity.test_sha256)};
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
