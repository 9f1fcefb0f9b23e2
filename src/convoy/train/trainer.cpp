// SPDX-License-Identifier: Apache-2.0
// A trainer from its construction or resumption up to its first step. training.cpp has the run
// itself.
#include "convoy/train/trainer.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <numeric>

#include "convoy/base/check.hpp"
#include "convoy/train/trainer_state.hpp"

namespace convoy {
namespace {

std::string to_string(const Shape& shape) {
  return fmt::format("{}x{}x{}", shape.height, shape.width, shape.channels);
}

void check_fit(const Net& net, const Dataset& data, std::string_view part,
               const std::string& data_name) {
  if (data.empty()) return;
  if (data.image_shape() != net.input()) {
    throw UserError(
        Fault::bad_data,
        fmt::format("model {} does not fit the {} images of {}", net.name(), part, data_name),
        fmt::format("its input is {}, the images are {} (height x width x channels)",
                    to_string(net.input()), to_string(data.image_shape())),
        fmt::format("choose another model or data set, or set input.height={}, "
                    "input.width={} and input.channels={}",
                    data.image_shape().height, data.image_shape().width,
                    data.image_shape().channels));
  }
  if (data.classes() > net.loss().classes) {
    throw UserError(
        Fault::bad_data,
        fmt::format("model {} does not fit the {} labels of {}", net.name(), part, data_name),
        fmt::format("it tells {} classes apart, the data has {}", net.loss().classes,
                    data.classes()),
        fmt::format("give its last layer {} outputs", data.classes()));
  }
}

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
    throw UserError(Fault::usage, fmt::format("the run {} can't go on with another model", folder),
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
    throw UserError(Fault::usage, fmt::format("the run {} can't go on with other data", folder),
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
      fmt::format("the run {} can't go on with the {} data of {}", folder, part, data_name),
      fmt::format("it began with other images or labels: SHA-256 {}, not {}", wanted, found),
      "give the data that it began with, or begin a new run");
}

}  // namespace

Trainer::State::State(const Model& run_model, const TrainAndTest& data,
                      const DataSettings& settings, Engine& run_engine)
    : model(run_model),
      engine(run_engine),
      train(limited(data.train, settings.limit)),
      test(data.test),
      split(hold_out(train.size(), settings.validation, model.train.seed)),
      test_samples(static_cast<std::size_t>(test.size())),
      order(parse_order(model.train.order)) {
  check_engine(engine, model.train);
  check_fit(model.net, train, "training", data.name);
  check_fit(model.net, test, "test", data.name);
  if (train.empty()) {
    throw UserError(Fault::bad_data, fmt::format("{} has no training samples", data.name), "",
                    "choose other data");
  }
  std::iota(test_samples.begin(), test_samples.end(), 0u);
  const auto samples = static_cast<Index>(split.train.size());
  steps_per_epoch = (samples + model.train.batch - 1) / model.train.batch;
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
    : state_(std::make_unique<State>(model, data, data_settings, engine)) {
  engine.set_state(initial_state(model));
  if (folder.empty() || communicator.rank() != 0) return;
  state_->train_sha256 = state_->train.sha256();
  const RunIdentity identity{model, data_settings, state_->train_sha256, state_->test.sha256()};
  state_->folder = RunFolder::create(folder, identity, state_->checkpoint());
  state_->newest = state_->folder->checkpoint_file(0);
}

Trainer Trainer::resume(const Model& model, const TrainAndTest& data,
                        const DataSettings& data_settings, Engine& engine,
                        Communicator& communicator, const std::filesystem::path& folder) {
  std::optional<RunFolder> run;
  if (communicator.rank() == 0) run = RunFolder::open(folder);
  const RunIdentity identity = read_identity(folder);
  check_same_run(model, data_settings, identity, folder.string());
  auto state = std::make_unique<State>(model, data, data_settings, engine);
  state->train_sha256 = state->train.sha256();
  check_same_data(state->train_sha256, identity.train_sha256, "training", data.name,
                  folder.string());
  check_same_data(state->test.sha256(), identity.test_sha256, "test", data.name, folder.string());

  FoundCheckpoint found = run ? run->take_newest_checkpoint() : newest_checkpoint(folder);
  const Index epochs = model.train.epochs;
  const RunPosition& place = found.checkpoint.position;
  if (text_with_epochs(found.checkpoint.model, epochs) != text_with_epochs(model, epochs) ||
      place.epoch > epochs + 1 || place.epoch_step > state->steps_per_epoch ||
      place.step != (place.epoch - 1) * state->steps_per_epoch + place.epoch_step) {
    throw UserError(Fault::bad_data,
                    fmt::format("{} is no checkpoint of its run", found.file.string()),
                    "its model or its place in the run is another", "remove that file");
  }
  for (const std::string& reason : found.damaged) {
    state->warnings.push_back(fmt::format(
        "a damaged checkpoint was passed over; going on from {}. {}", found.file.string(), reason));
  }
  if (epochs > identity.model.train.epochs && model.train.schedule == ScheduleKind::cosine) {
    state->warnings.push_back(fmt::format(
        "the cosine schedule ends with the last epoch: with {} epochs instead of {} the learning "
        "rate differs from that of a run begun with {}",
        epochs, identity.model.train.epochs, epochs));
  }
  engine.set_state(found.checkpoint.state);
  state->position = place;
  state->newest = found.file;
  if (run) {
    state->epochs = run->keep_metrics(place.epoch - 1);
    if (static_cast<Index>(state->epochs.size()) < place.epoch - 1) {
      state->warnings.push_back(fmt::format("{} lacks epochs before {}: the file was damaged",
                                            (folder / "metrics.jsonl").string(), place.epoch));
    }
    if (epochs != identity.model.train.epochs) {
      run->replace_identity({model, identity.data, identity.train_sha256, identity.test_sha256});
    }
    state->folder = std::move(run);
  }
  return Trainer(std::move(state));
}

RunConfig open_run(const std::filesystem::path& folder) {
  RunIdentity identity = read_identity(folder);
  return {std::move(identity.model), std::move(identity.data)};
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
