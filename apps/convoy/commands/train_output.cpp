// SPDX-License-Identifier: Apache-2.0
#include "commands/train_output.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "cli/exit_codes.hpp"
#include "commands/evaluation.hpp"
#include "report/metrics.hpp"
#include "supervision/ranks.hpp"

namespace convoy::app {
namespace {

// For the steps of this process; null if they did not run on a GPU.
Json launches_per_step(const TrainResult& result, const Engine& engine) {
  const auto* gpu = dynamic_cast<const CudaEngine*>(&engine);
  if (gpu == nullptr || result.steps == 0) return nullptr;
  return static_cast<double>(gpu->launches()) / static_cast<double>(result.steps);
}

// Null if nothing is held out or no epoch is complete.
Json best_json(const std::optional<BestEpoch>& best) {
  if (!best) return nullptr;
  return {{"epoch", best->epoch},
          {"validation_accuracy", best->validation_accuracy},
          {"checkpoint", best->checkpoint.string()}};
}

std::string counted(Index count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// "2 threads by data", "1 GPU", "4 ranks x 2 threads (ranks by data over shared memory on 1 host,
// threads by data)", or "4 ranks x 1 GPU (ranks by data over shared memory on 1 host)".
std::string layout_in_words(const Engine& engine, const Communicator& communicator,
                            const TrainOptions& options) {
  const bool gpu = options.layout.device == "cuda";
  const std::string threads = gpu ? "1 GPU" : counted(engine.threads(), "thread");
  const std::string threads_by = gpu ? "" : fmt::format("by {}", options.layout.threads_by);
  if (communicator.size() == 1) {
    return gpu ? threads : fmt::format("{} {}", threads, threads_by);
  }
  const auto domains = static_cast<Index>(communicator.domains().size());
  const std::string how = domains == communicator.size() ? "by messages"
                          : domains == 1
                              ? "over shared memory on 1 host"
                              : fmt::format(
                                    "over shared memory in {} memory domains, by messages "
                                    "between them",
                                    domains);
  const std::string reduction =
      options.ranks.reduction == "tree" ? "" : ", reduction " + options.ranks.reduction;
  return fmt::format("{} x {} (ranks by {} {}{}{})", counted(communicator.size(), "rank"), threads,
                     options.ranks.ranks_by, how, reduction, gpu ? "" : ", threads " + threads_by);
}

// A net with outputs that no class has learns, but was hardly meant for the data.
void warn_of_outputs(ProgressReport& report, const Run& run, const TrainAndTest& data) {
  const Index outputs = run.model.net.loss().classes;
  if (run.resumed || data.train.classes() >= outputs) return;
  report.warning(fmt::format(
      "model {} has {} outputs, but {} has {} classes: convoy new --data {} writes a model that "
      "fits",
      run.model.net.name(), outputs, data.name, data.train.classes(), shell_path(run.data.name)));
}

void tell_best(ProgressReport& report, const TrainResult& result) {
  if (!result.best) return;
  report.line(fmt::format("best by validation: epoch {} with {}, in {}", result.best->epoch,
                          as_percent(result.best->validation_accuracy),
                          result.best->checkpoint.string()));
}

// What a user would do with a run that is complete.
void tell_next(ProgressReport& report, const Run& run, const TrainAndTest& data) {
  if (!data.test.empty()) {
    report.line(fmt::format("next: convoy eval {}", shell_path(run.folder)));
    return;
  }
  report.line(fmt::format(
      "{} has no test images, so the model was not tested; of folders and lists of pictures, "
      "--test-fraction 0.2 keeps a fifth for tests, in a new run",
      data.name));
}

}  // namespace

Json train_json(const TrainResult& result, const Run& run, const RunTrainer& trainer,
                const std::string& data_name, const Engine& engine,
                const Communicator& communicator, const TrainOptions& options) {
  const TrainSettings& settings = run.model.train;
  Json json{{"schema", "convoy.train/2"},
            {"version", kVersion},
            {"status", to_string(result.status)},
            {"model", run.model.net.name()},
            {"data", data_name},
            {"arithmetic", to_string(run.model.arithmetic)},
            {"seed", settings.seed},
            {"batch", settings.batch},
            {"grain", settings.grain},
            {"ranks", communicator.size()},
            {"threads", engine.threads()},
            {"ranks_by", options.ranks.ranks_by},
            {"threads_by", options.layout.threads_by},
            {"device", engine.device()},
            {"isa", engine.isa()},
            {"launches_per_step", launches_per_step(result, engine)},
            {"reduction", options.ranks.reduction},
            {"contract", options.ranks.reduction != "fast"},
            {"samples", trainer.samples_per_epoch()},
            {"settings", to_json(settings)},
            {"machine", to_json(machine_facts())},
            {"peak_memory_bytes", peak_memory_bytes()}};
  json["epochs"] = Json::array();
  for (const EpochMetrics& epoch : result.epochs) json["epochs"].push_back(to_json(epoch));
  json["train_seconds"] = result.train_seconds;
  json["weights_sha256"] = result.weights_sha256;
  json["average_sha256"] =
      result.average_sha256.empty() ? Json(nullptr) : Json(result.average_sha256);
  json["state_sha256"] = result.state_sha256;
  json["checkpoint"] = result.checkpoint.string();
  json["best"] = best_json(result.best);
  json["initial_weights_sha256"] =
      result.initial_weights_sha256.empty() ? Json(nullptr) : Json(result.initial_weights_sha256);
  if (!result.message.empty()) json["message"] = result.message;
  return json;
}

void announce(ProgressReport& report, const Run& run, const RunTrainer& trainer,
              const TrainAndTest& data, const Engine& engine, const Communicator& communicator,
              const TrainOptions& options) {
  const TrainSettings& settings = run.model.train;
  report.line(
      fmt::format("{} on {}: {} parameters, {} training images, batch {} in grains of {}",
                  run.model.net.name(), data.name, with_commas(run.model.net.parameter_count()),
                  with_commas(trainer.samples_per_epoch()), settings.batch, settings.grain));
  report.line(fmt::format("{}, {}; {} {}", layout_in_words(engine, communicator, options),
                          engine.isa(), run.resumed ? "continuing in" : "run folder",
                          run.folder.string()));
  const bool cores_by_default = options.layout.device == "cpu" && options.layout.threads == 0;
  if (cores_by_default && std::getenv("OMP_NUM_THREADS") == nullptr) {
    for (const std::string& text : binding_warnings(communicator)) report.warning(text);
  }
  if (options.ranks.reduction == "fast") {
    report.warning(
        "--reduction fast: the weights depend on the layout; for the same weights on every layout, "
        "leave it out");
  }
  warn_of_outputs(report, run, data);
  for (const std::string& text : run.warnings) report.warning(text);
  for (const std::string& text : engine.warnings()) report.warning(text);
}

int conclude(ProgressReport& report, const Run& run, const TrainAndTest& data,
             const TrainResult& result) {
  const std::string folder = shell_path(run.folder);
  switch (result.status) {
    case RunStatus::done:
      if (run.resumed && result.steps == 0) {
        const Index epochs = run.model.train.epochs;
        report.line(fmt::format("nothing to do: {} {} done (--epochs N extends the run)",
                                counted(epochs, "epoch"), epochs == 1 ? "is" : "are"));
      }
      if (!result.epochs.empty()) {
        const std::string tested =
            data.test.empty()
                ? ""
                : fmt::format("test accuracy {}{}, ",
                              as_percent(result.epochs.back().test_accuracy),
                              copy_in_words(run.model.train, run.model.train.evaluate, " (", ")"));
        report.line(fmt::format("done: {}{} of training, weights {}", tested,
                                as_duration(result.train_seconds),
                                result.weights_sha256.substr(0, 16)));
      }
      tell_best(report, result);
      tell_next(report, run, data);
      return kDone;
    case RunStatus::stopped:
      tell_best(report, result);
      report.line(
          fmt::format("stopped with a checkpoint; to continue: convoy train --resume {}", folder));
      return kStopped;
    case RunStatus::not_finite:
      if (is_rank_zero()) write_message(result.message);
      return kNotFinite;
  }
  return kDone;
}

}  // namespace convoy::app
