// SPDX-License-Identifier: Apache-2.0
// convoy train: makes a RunTrainer from the command line, and messages and JSON from its result.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/data_loading.hpp"
#include "commands/evaluation.hpp"
#include "commands/launch.hpp"
#include "commands/profile.hpp"
#include "commands/run_choice.hpp"
#include "commands/trace.hpp"
#include "report/metrics.hpp"
#include "report/progress.hpp"
#include "supervision/ranks.hpp"
#include "supervision/signals.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

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

Json document(const TrainResult& result, const Run& run, const RunTrainer& trainer,
              const std::string& data_name, const Engine& engine, const Communicator& communicator,
              const TrainOptions& options) {
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

// Checked because ranks that a launcher started with different options would arrive at different
// synchronization points. (Rank 0 decides what the run is.)
void agree_on_layout(Communicator& communicator, const TrainOptions& options) {
  RunFacts facts;
  facts.layout = fmt::format(
      "--device {}\n--ranks-by {}\n--threads-by {}\n--reduction {}\n--checkpoint-every {}\n"
      "--verify-every {}\n--trace {}\n--profile {}\n--no-fusion {}",
      options.layout.device, options.ranks.ranks_by, options.layout.threads_by,
      options.ranks.reduction, options.checkpoint_every, options.ranks.verify_every, options.trace,
      options.profile, options.layout.no_fusion);
  agree(communicator, facts);
}

// Null if no option requests timings.
std::unique_ptr<Timeline> timeline_for(const TrainOptions& options) {
  if (options.trace.empty() && !options.profile) return nullptr;
  return std::make_unique<Timeline>(options.trace.empty() ? 0 : kTraceEvents);
}

// Checks that one option names the run folder.
void check_folder(const TrainOptions& options) {
  if (options.resume_if_present && options.out.empty() && options.resume.empty()) {
    throw UserError(Fault::usage, "--resume-if-present without --out",
                    "it continues the run in that folder", "add --out DIR");
  }
  if (options.resume.empty() || (options.out.empty() && !options.resume_if_present)) return;
  const char* other = options.out.empty() ? "--resume-if-present" : "--out";
  throw UserError(Fault::usage, fmt::format("{} cannot be combined with --resume", other),
                  "--resume names the folder of a run that exists", "give only one of them");
}

// Checks that stages are launched one by one, without which their times cannot be measured.
void check_launching(const TrainOptions& options) {
  const std::string option = many_steps_option(options.layout);
  if (option.empty() || (options.trace.empty() && !options.profile)) return;
  throw UserError(Fault::usage,
                  fmt::format("{} with {}", option, options.profile ? "--profile" : "--trace"),
                  "the time of a stage can be measured only if each stage is a launch of its own",
                  "leave one of them out");
}

// Checks the trace's file before work that would be lost.
void check_trace(Communicator& communicator, const TrainOptions& options) {
  if (options.trace.empty()) return;
  on_first_rank(communicator, [&] {
    check_writable(options.trace);
    return std::string();
  });
}

void save_trace(ProgressReport& report, Communicator& communicator, const TrainOptions& options,
                const Timings& timings) {
  on_first_rank(
      communicator,
      [&] {
        save_file(options.trace, [&](const TextSink& write) {
          write_trace(timings, write, [&] { communicator.heartbeat(); });
        });
        return std::string();
      },
      SyncPoint::end);
  if (const Index missing = timings.missing_from(); missing >= 0) {
    report.warning(
        fmt::format("the trace has no events from step {} on (it holds at most {} per worker): "
                    "trace fewer steps, for example with --epochs 1 or --limit",
                    missing + 1, with_commas(kTraceEvents)));
  }
  report.line(fmt::format("trace: {}; open it in ui.perfetto.dev", options.trace));
}

// Loads the weights that the run begins with, and says where they come from. Collective.
InitialWeights initial_weights_of(const Run& run, Communicator& communicator,
                                  ProgressReport& report) {
  if (run.initial_weights.empty()) return {};
  fs::path found;
  InitialWeights weights =
      load_initial_weights(communicator, run.initial_weights, run.model, found);
  report.line(
      fmt::format("initial weights from {} ({})", found.string(), weights.sha256.substr(0, 16)));
  return weights;
}

RunTrainer make_trainer(const Run& run, const TrainAndTest& data, Engine& engine,
                        Communicator& communicator, ProgressReport& report) {
  if (run.resumed) {
    return RunTrainer::resume(run.model, data, run.data, engine, communicator, run.folder);
  }
  const Beginning beginning{run.taken, initial_weights_of(run, communicator, report)};
  return RunTrainer(run.model, data, run.data, engine, communicator, run.folder, beginning);
}

// Trains. A full disk may make a write in the middle of a run fail: then only the steps since the
// last checkpoint are lost, and the error names that checkpoint.
TrainResult train_or_explain_resume(RunTrainer& trainer, Observer& observer,
                                    const std::atomic<bool>* stop, CheckpointEvery every,
                                    Index verify_every) {
  try {
    return trainer.train(observer, stop, every, verify_every);
  } catch (const SystemError& error) {
    if (error.fault() != Fault::io) throw;
    std::string last;
    try {
      last = newest_checkpoint(trainer.folder()).file.string();
    } catch (const Error&) {
      throw error;
    }
    throw UserError(Fault::io, error.problem(), "",
                    fmt::format("{}{}the last good checkpoint is {}; to continue from it: convoy "
                                "train --resume {}",
                                error.remedy(), error.remedy().empty() ? "" : "; ", last,
                                shell_path(trainer.folder())));
  }
}

// Reads the data. A stop that is asked for meanwhile ends a program of one rank without a run.
TrainAndTest load(const Run& run, const TrainOptions& options, Communicator& communicator,
                  StopSignals& signals) {
  DataLoading loading(options.quiet || !is_rank_zero(), signals.requested());
  TrainAndTest data =
      load_data(communicator, run.data.name,
                loading.options(data_options(run.model, run.data), options.pictures));
  signals.training_begins();
  if (communicator.size() == 1 && signals.requested()->load()) {
    throw UserError(Fault::stopped, "stopped before the first step", "",
                    "start again; nothing was saved");
  }
  return data;
}

// Does the run on this rank. `began` is set to the folder as soon as it belongs to this job.
int run_job(const CLI::App& command, const TrainOptions& options, Communicator& communicator,
            std::optional<StopSignals>& signals, fs::path& began) {
  const CheckpointEvery every = parse_checkpoint_every(options.checkpoint_every);
  agree_on_layout(communicator, options);
  Run run = choose_run(command, options, communicator);
  check_trace(communicator, options);
  const std::unique_ptr<Timeline> timeline = timeline_for(options);
  EngineOptions layout = engine_options(options.layout, options.ranks, run.model.train);
  layout.timeline = timeline.get();
  const bool quiet = options.quiet || !is_rank_zero();
  if (!signals) signals.emplace(quiet);
  const TrainAndTest data = load(run, options, communicator, *signals);
  layout.batch = largest_batch(run.model.train, data.train);

  ProgressReport report(STDERR_FILENO, quiet ? ProgressStyle::quiet : ProgressStyle::automatic,
                        run.model.train.epochs);
  const std::unique_ptr<Engine> engine = make_engine(
      run.model.net, optimizer_of(run.model.net, run.model.train), layout, communicator);
  RunTrainer trainer = make_trainer(run, data, *engine, communicator, report);
  began = run.folder = trainer.folder();
  announce(report, run, trainer, data, *engine, communicator, options);
  const TrainResult result = train_or_explain_resume(trainer, report, signals->requested(), every,
                                                     options.ranks.verify_every);
  const int code = conclude(report, run, data, result);
  Timings timings;
  if (timeline) timings = gather_timings(*timeline, communicator);
  if (!options.trace.empty()) save_trace(report, communicator, options, timings);
  if (!is_rank_zero()) return code;
  if (options.json) {
    Json json = document(result, run, trainer, data.name, *engine, communicator, options);
    if (options.profile)
      json["profile"] = profile_json(timings, run.model.net, run.model.train.batch, *engine);
    write_json(json);
  } else if (options.profile) {
    report.lines(profile_table(timings));
  }
  return code;
}

int train(const CLI::App& command, const TrainOptions& options) {
  check_folder(options);
  check_launching(options);
  const int ranks = is_rank() ? options.ranks.ranks : ranks_to_start(options);
  if (ranks > 1 || (ranks == 1 && is_rank())) return launch(command, options, ranks);
  if (!is_rank()) warn_of_fewer_ranks(options, 1);
  std::optional<StopSignals> signals;  // without ranks: set before the data is read
  RanksOptions together = ranks_options(options.ranks);
  if (is_rank()) {
    signals.emplace(options.quiet || is_supervised() || !is_rank_zero());
    together.terminated = signals->terminated();
    arrive();
  }
  const std::unique_ptr<Communicator> communicator =
      job_communicator(together, options.ranks.start_timeout);
  fs::path began;
  try {
    return run_job(command, options, *communicator, signals, began);
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    const std::string message = fail_job(*communicator, error);
    if (!message.empty() && !began.empty()) report_failure(began, message);
    throw;  // the communicator's destructor then waits for no other rank
  }
}

}  // namespace

void add_train(CLI::App& app, std::vector<std::string> command_line, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand("train", "Train a model, or continue a run");
  auto options = std::make_shared<TrainOptions>();
  options->command_line = std::move(command_line);
  add_train_options(*command, *options);
  command->footer(
      "Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 ends the run after the current step, with a checkpoint "
      "and\n"
      "exit code 75.\n"
      "Exit codes: 0 done, 2 usage, 65 bad data or model, 66 not found, 69 not available,\n"
      "70 a bug, 74 input or output failed, 75 stopped, 76 loss or weights not finite, 77 a rank\n"
      "failed or hung, or MPI did not start in time (all ranks are ended; --resume continues from\n"
      "the last checkpoint).\n\n"
      "Examples:\n"
      "  convoy train lenet5\n"
      "  convoy train tiny-relu --data mnist --epochs 5 --no-shuffle --threads 2\n"
      "  convoy train lenet5 --set optimizer.learning_rate=0.05 --set optimizer.momentum=0.9 --out "
      "runs/a\n"
      "  convoy train --resume runs/a --epochs 20\n"
      "  convoy train lenet5 --init-from runs/a --set optimizer.learning_rate=0.001 --out "
      "runs/fine\n"
      "  convoy train lenet5 --ranks 4 --threads 2\n"
      "  convoy train lenet5 --device cuda --launch graph\n"
      "  mpirun -np 4 --bind-to none convoy train vgg-small --ranks-by tensor\n"
      "  convoy train lenet5 --out runs/b --resume-if-present --checkpoint-every 10min --json");
  command->callback([command, options, &action] {
    action = [command, options] { return train(*command, *options); };
  });
}

}  // namespace convoy::app
