// SPDX-License-Identifier: Apache-2.0
// convoy eval: accuracy, loss and confusion matrix of a checkpoint on a test set.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "cli/exit_codes.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/data_loading.hpp"
#include "commands/evaluation.hpp"
#include "report/class_scores.hpp"
#include "report/metrics.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

struct EvalOptions {
  std::string checkpoint;
  std::string choice;
  std::optional<WeightsCopy> weights;
  std::string data;
  PictureOptions pictures;
  Layout layout;
  std::optional<Index> top_k;
  bool json = false;
};

// The name of the data that the run was trained on, if the checkpoint is in a run folder that names
// it; else throws. `run`: the run, if `checkpoint` is the folder of one that could be opened.
std::string data_of_run(const fs::path& checkpoint, const std::optional<FoundRun>& run) {
  const fs::path folder = fs::is_directory(checkpoint)
                              ? checkpoint
                              : fs::absolute(checkpoint).parent_path().parent_path();
  std::error_code ignored;
  if (!fs::exists(folder / "config.toml") && !fs::is_directory(folder / "checkpoints", ignored)) {
    throw UserError(
        Fault::usage, fmt::format("the test data for {} is not known", checkpoint.string()),
        "the checkpoint is not in a run folder, which names the data", "give --data NAME or DIR");
  }
  std::string name = run ? run->data.name : open_run(folder).data.name;
  if (!name.empty()) return name;
  throw UserError(Fault::usage,
                  fmt::format("the test data for {} is not known", checkpoint.string()),
                  "config.toml, which names the data, is missing from its run folder",
                  "give --data NAME or DIR");
}

// The counts, [true][predicted]; null where they would be more than a million.
Json rows_of(const Confusion& matrix) {
  constexpr Index kMostRows = 1000;
  if (matrix.classes() > kMostRows) return nullptr;
  Json rows = Json::array();
  for (Index i = 0; i < matrix.classes(); ++i) {
    Json row = Json::array();
    for (Index j = 0; j < matrix.classes(); ++j) row.push_back(matrix(i, j));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json cells_of(const Confusion& matrix) {
  Json cells = Json::array();
  for (const Confusion::Cell& cell : matrix.cells()) {
    cells.push_back(Json::array({cell.truth, cell.predicted, cell.count}));
  }
  return cells;
}

Json to_json(const std::vector<ClassScores>& scores) {
  Json classes = Json::array();
  for (const ClassScores& of_class : scores) {
    classes.push_back({{"samples", of_class.samples},
                       {"predicted", of_class.predicted},
                       {"precision", of_class.precision()},
                       {"recall", of_class.recall()},
                       {"f1", of_class.f1()}});
  }
  return classes;
}

Json to_json(const MacroAverage& macro) {
  return {{"precision", macro.precision},
          {"recall", macro.recall},
          {"f1", macro.f1},
          {"classes", macro.classes}};
}

// How many of the most probable classes count; 0: the net has too few for the usual number.
Index top_k_of(const EvalOptions& options, const Net& net) {
  constexpr Index kUsual = 5;
  const Index classes = net.loss().classes;
  if (!options.top_k) return classes > kUsual ? kUsual : 0;
  if (*options.top_k >= classes) {
    throw UserError(Fault::usage, fmt::format("--top-k is {}", *options.top_k),
                    fmt::format("the model has {} classes, so every image would count", classes),
                    fmt::format("use 0 to {}", classes - 1));
  }
  return *options.top_k;
}

// The data to test on.
struct TestData {
  bool are_of_run = false;  // the data that the run was trained on
  DataSettings settings;
};

// Whether --data, or its absence, means the data that the run was trained on.
bool means_data_of_run(const EvalOptions& options, const std::optional<FoundRun>& run) {
  if (options.data.empty()) return true;
  try {
    const std::string given = lasting_name(options.data);
    const std::string of_run = data_of_run(options.checkpoint, run);
    std::error_code ignored;  // a link to the data means them, too
    return given == of_run || (fs::exists(given, ignored) && fs::exists(of_run, ignored) &&
                               fs::equivalent(given, of_run, ignored));
  } catch (const Error&) {
    return false;  // it is not known what the run was trained on
  }
}

// Another split than the run's would make test images of training images.
void check_split(double given, double of_run) {
  if (given == of_run) return;
  throw UserError(Fault::usage,
                  fmt::format("--test-fraction {} is not that of the run, which has {}", given,
                              of_run == 0 ? "none" : fmt::format("{}", of_run)),
                  "another split tests the model on images on which it was trained",
                  "leave the option out, or give other data with --data");
}

// The run's data are split as in the run. (What it held out of the training images does not matter
// here.)
TestData choose_data(const EvalOptions& options, const std::optional<FoundRun>& run,
                     const Checkpoint& checkpoint) {
  TestData chosen{.are_of_run = means_data_of_run(options, run), .settings = {}};
  if (chosen.are_of_run) {
    const std::optional<double> given = options.pictures.test_fraction;
    check_split(given.value_or(checkpoint.data.test_fraction), checkpoint.data.test_fraction);
    chosen.settings = checkpoint.data;
    chosen.settings.name = data_of_run(options.checkpoint, run);
    chosen.settings.validation = 0;
  } else {
    chosen.settings.name = options.data;
  }
  apply(options.pictures, chosen.settings);
  return chosen;
}

TrainAndTest load(const EvalOptions& options, const TestData& chosen,
                  const Checkpoint& checkpoint) {
  DataLoading loading(options.json);
  TrainAndTest data =
      load_data(chosen.settings.name,
                loading.options(data_options(checkpoint.model, chosen.settings), options.pictures));
  for (const std::string& note : data.notes) write_warning(note);
  return data;
}

int eval(const EvalOptions& options) {
  const std::optional<FoundRun> run = run_in(options.checkpoint);
  FoundCheckpoint found = choose_checkpoint(options.checkpoint, options.choice);
  choose_weights(found.checkpoint, options.weights, found.file.string());
  if (run) warn_of_lost_config(*run);
  const Checkpoint& checkpoint = found.checkpoint;
  const bool chosen = fs::is_directory(options.checkpoint);
  const WeightsCopy weights = evaluated_copy(checkpoint);
  const Net& net = checkpoint.model.net;
  const Index top_k = top_k_of(options, net);
  // Called before the data is read, to report early what the layout lacks.
  engine_options(options.layout, checkpoint.model.train);
  const TestData chosen_data = choose_data(options, run, checkpoint);
  const TrainAndTest data = load(options, chosen_data, checkpoint);
  const Dataset images =
      chosen_data.are_of_run ? test_images(checkpoint, data) : other_test_images(checkpoint, data);
  const TestResult result = test(checkpoint, images, data.name, options.layout, false, top_k);
  for (const std::string& text : result.warnings) write_warning(text);
  const Confusion& matrix = result.confusion;
  const std::vector<std::string> names = class_names(checkpoint);
  if (!options.json) {
    const std::string top =
        top_k > 0 ? fmt::format("top {:<4}  {}\n", top_k, as_percent(result.top_k_accuracy)) : "";
    write_stdout(fmt::format(
        "{} on {}, {} test images, after {} steps{}{}\naccuracy  {}\n{}loss      {:.4f}\n\n{}",
        net.name(), printable(data.name), with_commas(images.size()),
        with_commas(checkpoint.position.step), chosen ? fmt::format(" ({})", in_words(found)) : "",
        copy_in_words(checkpoint.model.train, weights, ", ", ""), as_percent(result.accuracy), top,
        result.loss, confusion_text(matrix, names)));
    return kDone;
  }
  const std::vector<ClassScores> scores = class_scores(matrix);
  write_json({{"schema", "convoy.eval/2"},
              {"version", kVersion},
              {"checkpoint", options.checkpoint},
              {"file", found.file.string()},
              {"choice", chosen ? Json(found.is_best ? "best" : "last") : Json(nullptr)},
              {"weights", to_string(weights)},
              {"model", net.name()},
              {"data", data.name},
              {"epoch", checkpoint.position.epoch},
              {"step", checkpoint.position.step},
              {"samples", images.size()},
              {"accuracy", result.accuracy},
              {"top_k",
               top_k > 0 ? Json{{"k", top_k}, {"accuracy", result.top_k_accuracy}} : Json(nullptr)},
              {"loss", result.loss},
              {"class_scores", to_json(scores)},
              {"macro_average", to_json(macro_average(scores))},
              {"class_names", names},
              {"confusion_matrix", rows_of(matrix)},
              {"confusion_cells", cells_of(matrix)},
              {"weights_sha256", checkpoint.weights_sha256},
              {"average_sha256",
               checkpoint.average_sha256.empty() ? Json(nullptr) : Json(checkpoint.average_sha256)},
              {"state_sha256", checkpoint.state_sha256},
              {"train_data_sha256", checkpoint.data_sha256},
              {"test_data_sha256", images.sha256()}});
  return kDone;
}

}  // namespace

void add_eval(CLI::App& app, std::function<int()>& action) {
  CLI::App* command =
      app.add_subcommand("eval", "Test a model: accuracy, loss and confusion matrix");
  auto options = std::make_shared<EvalOptions>();
  command->add_option("RUN|CHECKPOINT", options->checkpoint, "A run folder or a checkpoint file")
      ->required();
  add_checkpoint_choice(*command, options->choice);
  add_weights_choice(*command, options->weights);
  command
      ->add_option("--data", options->data,
                   "Data to test on: their test images, or all images of data without a test "
                   "part; default: the data that the run was trained on")
      ->type_name("NAME|DIR|FILE")
      ->group(kDataGroup);
  add_picture_options(*command, options->pictures);
  add_layout(*command, options->layout,
             {"Layout (changes speed, never the result)", "threads", "one GPU"});
  command
      ->add_option("--top-k", options->top_k,
                   "Also the share of images whose class is among the K most probable ones; "
                   "default: 5 with more than 5 classes; 0: none")
      ->type_name("K")
      ->check(CLI::Range(0, 65535))
      ->group(kOutputGroup);
  command->add_flag("--json", options->json, "Print one JSON document on stdout")
      ->group(kOutputGroup);
  command->footer("Examples:\n  convoy eval runs/a\n  convoy eval runs/a --data mnist --json");
  command->callback([options, &action] { action = [options] { return eval(*options); }; });
}

}  // namespace convoy::app
