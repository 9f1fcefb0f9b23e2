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
#include "commands/train_output.hpp"
#include "report/metrics.hpp"
#include "report/progress.hpp"
#include "supervision/ranks.hpp"
#include "supervision/signals.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

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
    Json json = train_json(result, run, trainer, data.name, *engine, communicator, options);
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
