// SPDX-License-Identifier: Apache-2.0
// How a trainer continues a run: what has to be as it was, which checkpoint is taken, and how the
// other ranks get it from rank 0.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>
#include <sstream>
#include <utility>

#include "parallel/collectives.hpp"
#include "train/class_fit.hpp"
#include "train/run_folder.hpp"
#include "train/schedule.hpp"
#include "train/setting_difference.hpp"
#include "train/trainer/state.hpp"

namespace convoy {
namespace {

// The model's text with another number of epochs, to compare the texts of one run.
std::string text_with_epochs(const ModelFile& model, Index epochs) {
  const std::array<Override, 1> overrides{fmt::format("train.epochs={}", epochs)};
  return parse_model_file(model.text, "the run's model", overrides).text;
}

[[noreturn]] void refuse_settings(const std::string& folder, const std::string& difference) {
  throw UserError(Fault::usage,
                  fmt::format("the run {} can't continue with other settings", folder), difference,
                  "use the same settings (only train.epochs may increase), or start a new run in "
                  "another folder");
}

// Names the key that differs, with both values. Data that was moved, or has another name, is the
// same where `same_data` says so.
void check_same_run(const ModelFile& model, const DataSettings& settings, bool same_data,
                    const RunIdentity& identity, const std::string& folder) {
  const Index epochs = model.train.epochs;
  std::string difference =
      setting_difference(text_with_epochs(identity.model, epochs), text_with_epochs(model, epochs));
  if (difference.empty() && settings.limit != identity.data.limit) {
    const auto images = [](Index limit) {
      return limit == 0 ? std::string("all images") : fmt::format("{}", limit);
    };
    difference =
        fmt::format("--limit is {}, not {}", images(identity.data.limit), images(settings.limit));
  }
  if (difference.empty() && settings.validation != identity.data.validation) {
    difference =
        fmt::format("--validation is {}, not {}", identity.data.validation, settings.validation);
  }
  if (difference.empty() && settings.test_fraction != identity.data.test_fraction) {
    difference = fmt::format("--test-fraction is {}, not {}", identity.data.test_fraction,
                             settings.test_fraction);
  }
  if (difference.empty() && settings.bad_images != identity.data.bad_images) {
    difference = fmt::format("--bad-images is {}, not {}", to_string(identity.data.bad_images),
                             to_string(settings.bad_images));
  }
  if (difference.empty() && settings.name != identity.data.name && !same_data) {
    difference = fmt::format("--data is {}, not {}", identity.data.name, settings.name);
  }
  if (!difference.empty()) refuse_settings(folder, difference);
  if (epochs < identity.model.train.epochs) {
    throw UserError(
        Fault::usage, fmt::format("the run {} can't be shortened", folder),
        fmt::format("it was started with {} epochs, not {}", identity.model.train.epochs, epochs),
        "raise train.epochs or leave it unchanged; to end earlier, stop the run");
  }
}

// Checks that the data of the run's own name is still what the run began with.
void check_same_data(const std::string& found, const std::string& wanted, std::string_view part,
                     const std::string& data_name, const std::string& folder) {
  if (found == wanted) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("the run {} can't continue with the {} data of {}", folder, part, data_name),
      fmt::format("it began with other images or labels: SHA-256 {}, not {}", wanted, found),
      "give the data that it began with, or begin a new run");
}

// Names the classes that differ from those that the run began with.
void check_same_classes(const Checkpoint& checkpoint, const Dataset& train,
                        const std::string& data_name, const std::string& folder) {
  const std::string difference = difference_of_classes(checkpoint.class_names, train.class_names());
  if (difference.empty()) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("the run {} can't continue with the training data of {}", folder, data_name),
      difference, "give the data that it began with, or begin a new run");
}

// Sends a part of a checkpoint from rank 0 to the others, as raw memory.
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

// Warns about checkpoints that were skipped, and says what that means for the position to continue.
void warn_of_skipped(const FoundCheckpoint& found, std::vector<std::string>& warnings) {
  for (const std::string& reason : found.damaged) {
    warnings.push_back(fmt::format("a damaged checkpoint was skipped; continuing from {}. {}",
                                   found.file.string(), reason));
  }
  for (const std::string& reason : found.unreadable) {
    warnings.push_back(fmt::format(
        "a newer checkpoint could not be read, and was left unchanged; continuing from {}. {}",
        found.file.string(), reason));
  }
}

// A text file can be edited, so the checkpoint is not the first suspect, and is never removed.
[[noreturn]] void refuse_mixed(const FoundCheckpoint& found, const ModelFile& model) {
  const Checkpoint& checkpoint = found.checkpoint;
  const Index epochs = model.train.epochs;
  std::string difference =
      setting_difference(text_with_epochs(checkpoint.model, epochs), model.text);
  if (difference.empty()) {
    difference = fmt::format("its step {}, in epoch {}, is not one of the run's {} epochs",
                             checkpoint.position.step, checkpoint.position.epoch, epochs);
  }
  throw UserError(
      Fault::bad_data, fmt::format("{} does not fit the run's config.toml", found.file.string()),
      difference,
      "restore config.toml, or remove it (it is then written again from the checkpoint); or, if "
      "the checkpoint came from another run, move the checkpoint elsewhere");
}

// Takes the settings of data without a name, which a checkpoint lacks, from the caller.
void complete(RunIdentity& identity, const DataSettings& settings, const std::string& test_sha256) {
  if (!identity.data.name.empty()) return;
  identity.data = settings;
  identity.test_sha256 = test_sha256;
}

}  // namespace

// Called on rank 0 only: opens the folder and finds the position to continue.
Checkpoint RunTrainer::open_newest(State& state, const std::string& data_name,
                                   const std::filesystem::path& folder) {
  const ModelFile& model = state.model;
  const Index epochs = model.train.epochs;
  RunFolder run = RunFolder::open(folder);
  FoundRun identity = open_run(folder);
  complete(identity, state.settings, state.test_sha256);
  const bool same_data =
      state.train_sha256 == identity.train_sha256 && state.test_sha256 == identity.test_sha256;
  check_same_run(model, state.settings, same_data, identity, folder.string());
  const bool same_split = state.settings.validation_sha256 == identity.data.validation_sha256;
  if (!same_data || !same_split) {  // other classes would explain both
    check_same_classes(newest_checkpoint(folder).checkpoint, state.train, data_name,
                       folder.string());
  }
  if (!same_split) refuse_settings(folder.string(), "the data set holds out other samples");
  check_same_data(state.train_sha256, identity.train_sha256, "training", data_name,
                  folder.string());
  check_same_data(state.test_sha256, identity.test_sha256, "test", data_name, folder.string());

  FoundCheckpoint found = run.take_newest_checkpoint();
  check_same_classes(found.checkpoint, state.train, data_name, folder.string());
  const RunPosition& position = found.checkpoint.position;
  if (text_with_epochs(found.checkpoint.model, epochs) != text_with_epochs(model, epochs) ||
      position.epoch > epochs + 1 || position.epoch_step > state.steps_per_epoch ||
      position.step != (position.epoch - 1) * state.steps_per_epoch + position.epoch_step) {
    refuse_mixed(found, model);
  }
  if (!identity.lost.empty()) {
    state.warnings.push_back(
        fmt::format("{}; the settings come from {}, and config.toml is written again",
                    identity.lost, found.file.string()));
  }
  warn_of_skipped(found, state.warnings);
  if (epochs > identity.model.train.epochs && ends_with_last_epoch(model.train.schedule)) {
    state.warnings.push_back(fmt::format(
        "the {} schedule ends with the last epoch: with {} epochs instead of {} the learning "
        "rate differs from that of a run begun with {}",
        to_string(model.train.schedule), epochs, identity.model.train.epochs, epochs));
  }
  state.newest = found.file;
  state.initial_weights_sha256 = identity.initial_weights_sha256;
  // Lines of a newer checkpoint are kept, because it may become readable again.
  const bool all_read = found.unreadable.empty();
  state.epochs =
      run.keep_metrics(all_read ? position.epoch - 1 : std::numeric_limits<Index>::max());
  std::erase_if(state.epochs, [&](const EpochMetrics& m) { return m.epoch >= position.epoch; });
  if (static_cast<Index>(state.epochs.size()) < position.epoch - 1) {
    state.warnings.push_back(fmt::format("{} lacks epochs before {}: the file was damaged",
                                         (folder / "metrics.jsonl").string(), position.epoch));
  }
  const bool longer = epochs != identity.model.train.epochs;
  identity.model = model;
  if (!identity.lost.empty()) {
    run.restore_identity(identity);
  } else if (longer) {
    run.replace_identity(identity);
  }
  state.folder.emplace(std::move(run));
  return std::move(found.checkpoint);
}

RunTrainer RunTrainer::resume(const ModelFile& model, const TrainAndTest& data,
                              const DataSettings& data_settings, Engine& engine,
                              Communicator& communicator, const std::filesystem::path& folder) {
  auto state = std::make_unique<State>(model, data, data_settings, engine, communicator, true);
  state->path = folder;
  const std::vector<std::string> told = unpack(on_first_rank(communicator, [&] {
    const Checkpoint checkpoint = [&] {
      try {
        return open_newest(*state, data.name, folder);
      } catch (const Error& error) {
        // The status.json of a killed run still says "running". (A run that was refused may be in
        // use by another process.)
        if (error.fault() != Fault::usage && !is_locked(folder / "lock")) {
          report_end(folder, "failed", error.what());
        }
        throw;
      }
    }();
    std::vector<std::string> parts{bytes_of(std::span(&checkpoint.position, 1)),
                                   to_text(state->epochs),
                                   bytes_of(checkpoint.state.parameters.span())};
    for (const Buffer<float>& slot : checkpoint.state.slots) parts.push_back(bytes_of(slot.span()));
    return pack(parts);
  }));
  state->check_data(data.name);  // after open_newest(), which names data of another run
  ModelState weights;
  std::memcpy(&state->position, told.at(0).data(), sizeof(RunPosition));
  state->epochs = metrics_of(told.at(1));
  weights.parameters = floats_of(told.at(2));
  for (std::size_t s = 3; s < told.size(); ++s) weights.slots.push_back(floats_of(told[s]));
  engine.set_state(weights);
  return RunTrainer(std::move(state));
}

}  // namespace convoy
