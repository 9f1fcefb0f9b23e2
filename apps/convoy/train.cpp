// SPDX-License-Identifier: Apache-2.0
// convoy train: from the command line to a Trainer, and from its result to messages and JSON.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <optional>

#include "commands.hpp"
#include "convoy/report/metrics.hpp"
#include "convoy/report/progress.hpp"
#include "exit_codes.hpp"
#include "help.hpp"
#include "options.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  std::string model = "tiny-relu";
  std::optional<Index> epochs, batch, grain, seed;
  std::optional<std::string> order;
  bool no_shuffle = false;
  std::vector<std::string> set;
  std::string data = "fashion-mnist";
  double validation = 0;
  Index limit = 0;
  Layout layout;
  std::string out;
  std::string resume;
  bool resume_if_present = false;
  std::string checkpoint_every = "1epoch";
  bool json = false;
  bool quiet = false;
};

// What is to be run: new, or the rest of what lies in `folder`.
struct Run {
  Model model;
  DataSettings data;
  fs::path folder;
  bool resumed = false;
};

// Short options become keys of the model file, so that they are part of the text that a run keeps.
std::vector<Override> overrides(const TrainOptions& options) {
  std::vector<Override> result;
  auto add = [&](std::string_view option, std::string_view key, const std::string& value) {
    for (const std::string& set : options.set) {
      if (std::string_view(set).substr(0, set.find('=')) == key) {
        throw UserError(Fault::usage, fmt::format("{} and --set {} name the same key", option, set),
                        "", "give one of them");
      }
    }
    result.push_back(fmt::format("{}={}", key, value));
  };
  auto add_number = [&](std::string_view option, std::string_view key, std::optional<Index> value) {
    if (value) add(option, key, fmt::format("{}", *value));
  };
  add_number("--epochs", "train.epochs", options.epochs);
  add_number("--batch", "train.batch", options.batch);
  add_number("--grain", "train.grain", options.grain);
  add_number("--seed", "train.seed", options.seed);
  if (options.order) {
    const Order order = parse_order(*options.order);
    if (options.no_shuffle && order.kind == Order::Kind::shuffled) {
      throw UserError(Fault::usage, "--no-shuffle and --order shuffled contradict each other", "",
                      "give one of them");
    }
    add("--order", "train.order", fmt::format("\"{}\"", to_string(order)));
  } else if (options.no_shuffle) {
    add("--no-shuffle", "train.order", "\"sequential\"");
  }
  result.insert(result.end(), options.set.begin(), options.set.end());
  return result;
}

// runs/<model>-<date>-<time>, and a number where two begin in one second.
fs::path unused_folder(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\0') c = '-';
  }
  const std::string stem =
      fmt::format("{}-{:%Y%m%d-%H%M%S}", name, fmt::localtime(std::time(nullptr)));
  fs::path folder = fs::path("runs") / stem;
  for (int i = 2; fs::exists(folder); ++i)
    folder = fs::path("runs") / fmt::format("{}-{}", stem, i);
  return folder;
}

// A folder is kept as an absolute path: a run may be resumed from elsewhere.
std::string data_name(const std::string& given) {
  for (const CatalogEntry& entry : catalog()) {
    if (entry.name == given) return given;
  }
  return fs::is_directory(given) ? fs::absolute(given).lexically_normal().string() : given;
}

DataSettings data_settings(const TrainOptions& options) {
  return {data_name(options.data), options.limit, options.validation};
}

Run new_run(const TrainOptions& options) {
  const fs::path out(options.out);
  if (!out.empty() && fs::exists(fs::symlink_status(out))) {
    throw UserError(
        Fault::usage, fmt::format("--out {} exists", options.out),
        "a run never writes over another",
        fmt::format("choose another folder, or go on with the run: convoy train --resume {}",
                    options.out));
  }
  Model model = load_model(options.model, overrides(options));
  const std::string name = model.net.name();
  return {std::move(model), data_settings(options), out.empty() ? unused_folder(name) : out, false};
}

Run rest_of_run(const fs::path& folder, std::optional<Index> epochs, const std::string& data) {
  RunConfig config = open_run(folder);
  if (epochs && *epochs < config.model.train.epochs) {
    throw UserError(Fault::usage, fmt::format("--epochs {} would shorten the run", *epochs),
                    fmt::format("it was begun with {}", config.model.train.epochs),
                    "--epochs can only extend a run; leave it out");
  }
  if (epochs) {
    const Override longer = fmt::format("train.epochs={}", *epochs);
    config.model = parse_model(config.model.text, (folder / "config.toml").string(), {&longer, 1});
  }
  if (!data.empty()) config.data.name = data_name(data);
  return {std::move(config.model), config.data, folder, true};
}

// --out with --resume-if-present: the same command line begins the run and goes on with it. (The
// trainer refuses where it asks for another run than the one that is there.)
Run new_or_rest_of_run(const TrainOptions& options) {
  if (!fs::exists(options.out)) return new_run(options);
  const RunConfig begun = open_run(options.out);
  Model asked = load_model(options.model, overrides(options));
  if (asked.train.epochs < begun.model.train.epochs) {
    const Override epochs = fmt::format("train.epochs={}", begun.model.train.epochs);
    asked = parse_model(asked.text, options.model, {&epochs, 1});
  }
  return {std::move(asked), data_settings(options), options.out, true};
}

// With --resume the folder says what the run is: anything that would make it another run is
// refused.
void check_resume(const CLI::App& command) {
  for (const char* name : {"MODEL", "--batch", "--grain", "--seed", "--no-shuffle", "--order",
                           "--set", "--validation", "--limit", "--out", "--resume-if-present"}) {
    if (command.count(name) == 0) continue;
    throw UserError(Fault::usage, fmt::format("{} does not go with --resume", name),
                    "a run keeps the settings that it was begun with",
                    fmt::format("leave {} out, or start a new run", name));
  }
}

// Samples that an epoch trains on.
Index training_samples(const Run& run, const Dataset& train) {
  const Index size = run.data.limit > 0 ? std::min(run.data.limit, train.size()) : train.size();
  if (run.data.validation <= 0) return size;
  return static_cast<Index>(hold_out(size, run.data.validation, run.model.train.seed).train.size());
}

Json document(const TrainResult& result, const Run& run, const TrainAndTest& data,
              const Engine& engine, const TrainOptions& options) {
  const TrainSettings& settings = run.model.train;
  Json json{{"schema", "convoy.train/1"},
            {"version", kVersion},
            {"status", to_string(result.status)},
            {"model", run.model.net.name()},
            {"data", data.name},
            {"seed", settings.seed},
            {"batch", settings.batch},
            {"grain", settings.grain},
            {"ranks", 1},
            {"threads", engine.threads()},
            {"ranks_by", "data"},
            {"threads_by", options.layout.threads_by},
            {"device", engine.device()},
            {"isa", engine.isa()},
            {"reduction", "tree"},
            {"samples", training_samples(run, data.train)},
            {"settings", to_json(settings)},
            {"machine", to_json(machine_facts())},
            {"peak_memory_bytes", peak_memory_bytes()}};
  json["epochs"] = Json::array();
  for (const EpochMetrics& epoch : result.epochs) json["epochs"].push_back(to_json(epoch));
  json["train_seconds"] = result.train_seconds;
  json["weights_sha256"] = result.weights_sha256;
  json["state_sha256"] = result.state_sha256;
  json["checkpoint"] = result.checkpoint.string();
  if (!result.message.empty()) json["message"] = result.message;
  return json;
}

void announce(ProgressReport& report, const Run& run, const TrainAndTest& data,
              const Engine& engine, const TrainOptions& options) {
  const TrainSettings& settings = run.model.train;
  report.line(
      fmt::format("{} on {}: {} parameters, {} training images, batch {} in grains of {}",
                  run.model.net.name(), data.name, with_commas(run.model.net.parameter_count()),
                  with_commas(training_samples(run, data.train)), settings.batch, settings.grain));
  report.line(fmt::format("{} {} by {}, {}; {} {}", engine.threads(),
                          engine.threads() == 1 ? "thread" : "threads", options.layout.threads_by,
                          engine.isa(), run.resumed ? "going on in" : "run folder",
                          run.folder.string()));
}

int conclude(ProgressReport& report, const Run& run, const TrainResult& result) {
  const std::string folder = run.folder.string();
  switch (result.status) {
    case RunStatus::done:
      if (!result.epochs.empty()) {
        report.line(fmt::format("done: test accuracy {}, {} of training, weights {}",
                                as_percent(result.epochs.back().test_accuracy),
                                as_duration(result.train_seconds),
                                result.weights_sha256.substr(0, 16)));
      }
      report.line(fmt::format("next: convoy eval {}", folder));
      return kDone;
    case RunStatus::stopped:
      report.line(
          fmt::format("stopped with a checkpoint; to go on: convoy train --resume {}", folder));
      return kStopped;
    case RunStatus::not_finite:
      write_stderr(fmt::format("convoy: {}\n", result.message));
      return kNotFinite;
  }
  return kDone;
}

int train(const CLI::App& command, const TrainOptions& options) {
  const CheckpointEvery every = parse_checkpoint_every(options.checkpoint_every);
  if (!options.resume.empty()) check_resume(command);
  const std::string given_data = command.count("--data") > 0 ? options.data : std::string();
  const Run run = !options.resume.empty() ? rest_of_run(options.resume, options.epochs, given_data)
                  : options.resume_if_present ? new_or_rest_of_run(options)
                                              : new_run(options);
  const EngineOptions layout = engine_options(options.layout, run.model.train);
  const TrainAndTest data = load_data(run.data.name);

  const StopSignals signals(options.quiet);
  ProgressReport report(STDERR_FILENO,
                        options.quiet ? ProgressStyle::quiet : ProgressStyle::automatic);
  const std::unique_ptr<Communicator> communicator = alone();
  const std::unique_ptr<Engine> engine =
      make_cpu_engine(run.model.net, optimizer_of(run.model.train), layout, *communicator);
  Trainer trainer =
      run.resumed ? Trainer::resume(run.model, data, run.data, *engine, *communicator, run.folder)
                  : Trainer(run.model, data, run.data, *engine, *communicator, run.folder);
  announce(report, run, data, *engine, options);
  for (const std::string& text : engine->warnings()) report.warning(text);
  const TrainResult result = trainer.train(report, signals.requested(), every);
  const int code = conclude(report, run, result);
  if (options.json) write_json(document(result, run, data, *engine, options));
  return code;
}

void add_problem_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("MODEL", options.model,
                  "A model's name (see 'convoy info') or a .toml file; default: tiny-relu")
      ->type_name("");
  auto number = [&](const char* name, std::optional<Index>& value, const char* text) {
    command.add_option(name, value, text)
        ->check(whole_number(1))
        ->type_name("N")
        ->group(kProblemGroup);
  };
  number("--epochs", options.epochs, "Passes over the data; with --resume: extends the run");
  number("--batch", options.batch, "Samples in a step");
  number("--grain", options.grain, "Samples in a grain, the unit of work of a worker");
  command.add_option("--seed", options.seed, "Of initial weights, order and validation split")
      ->check(whole_number(0))
      ->type_name("N")
      ->group(kProblemGroup);
  command.add_option("--order", options.order, "In which an epoch reads the samples")
      ->type_name("shuffled|sequential|shards:N")
      ->group(kProblemGroup);
  command
      .add_flag("--no-shuffle", options.no_shuffle,
                "The same as --order sequential, where no --order is given")
      ->group(kProblemGroup);
  command
      .add_option("--set", options.set,
                  "Override any key of the model file, for example train.momentum=0.9; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group(kProblemGroup);
}

void add_data_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("--data", options.data,
                  "fashion-mnist, mnist, cifar10, synthetic, or a folder with the files of one")
      ->type_name("NAME|DIR")
      ->capture_default_str()
      ->group(kDataGroup);
  command
      .add_option("--validation", options.validation,
                  "Hold out this part of the training images; it chooses the best checkpoint")
      ->check(CLI::Validator(
          [](const std::string& text) {
            double value = 0;
            return CLI::detail::lexical_cast(text, value) && value >= 0 && value < 1
                       ? std::string()
                       : text + " is not a number from 0 up to, not including, 1";
          },
          ""))
      ->type_name("FRACTION")
      ->group(kDataGroup);
  command.add_option("--limit", options.limit, "Use the first N training images only")
      ->check(whole_number(1))
      ->type_name("N")
      ->group(kDataGroup);
}

void add_output_options(CLI::App& command, TrainOptions& options) {
  CLI::Option* out = command
                         .add_option("--out", options.out,
                                     "Run folder, must not exist; default: runs/MODEL-DATE-TIME")
                         ->type_name("DIR")
                         ->group(kOutputGroup);
  command.add_option("--resume", options.resume, "Go on with the run in DIR")
      ->type_name("DIR")
      ->group(kOutputGroup);
  command
      .add_flag("--resume-if-present", options.resume_if_present,
                "Go on with the run in --out if there is one, else begin it: safe to requeue")
      ->needs(out)
      ->group(kOutputGroup);
  command
      .add_option("--checkpoint-every", options.checkpoint_every,
                  "For example 500steps, 1epoch, 10min")
      ->type_name("EVERY")
      ->capture_default_str()
      ->group(kOutputGroup);
  command.add_flag("--json", options.json, "One JSON document on stdout")->group(kOutputGroup);
  command.add_flag("--quiet", options.quiet, "Nothing on stderr but errors")->group(kOutputGroup);
}

}  // namespace

void add_train(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand("train", "Train a model, or go on with a run");
  auto options = std::make_shared<TrainOptions>();
  add_problem_options(*command, *options);
  add_data_options(*command, *options);
  add_layout(*command, options->layout);
  add_output_options(*command, *options);
  command->footer(
      "Ctrl-C or SIGTERM ends the run after the current step, with a checkpoint and exit code 75.\n"
      "Exit codes: 0 done, 2 usage, 65 bad data or model, 66 not found, 69 not available,\n"
      "70 a bug, 74 input or output failed, 75 stopped, 76 loss or weights not finite.\n\n"
      "Examples:\n"
      "  convoy train lenet5\n"
      "  convoy train tiny-relu --data mnist --epochs 5 --no-shuffle --threads 2\n"
      "  convoy train lenet5 --set train.learning_rate=0.05 --set train.momentum=0.9 --out runs/a\n"
      "  convoy train --resume runs/a --epochs 20\n"
      "  convoy train lenet5 --out runs/b --resume-if-present --checkpoint-every 10min --json");
  command->callback([command, options, &action] {
    action = [command, options] { return train(*command, *options); };
  });
}

}  // namespace convoy::app
