// SPDX-License-Identifier: Apache-2.0
#include "commands/study_choice.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <iterator>

#include "cli/help.hpp"
#include "cli/options.hpp"
#include "internal.hpp"
#include "study/machine.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;
using study::Experiment;
using study::Grid;
using study::Scaling;
using study::StudyPlan;

constexpr const char* kStudyGroup = "Study";

// Options that a study file replaces.
constexpr const char* kOnlyWithModel[] = {"--layouts",   "--ranks-by", "--threads-by", "--mode",
                                          "--per-layer", "--batch",    "--limit",      "--set"};

// The text of a .toml file if it is a study and not a model.
std::optional<std::string> study_text(const std::string& subject) {
  std::error_code ignored;
  if (!subject.ends_with(".toml") || !fs::is_regular_file(subject, ignored)) return std::nullopt;
  std::string text = read_config_file(subject, "study");
  if (!study::is_plan(text, subject)) return std::nullopt;
  return text;
}

// 1, 2, 4 ... and the number of all cores, or GPUs.
std::vector<Grid> usual_layouts(bool gpu) {
  std::vector<Grid> layouts{{1, 1}};
  const int most = gpu ? static_cast<int>(cuda_devices().size()) : usable_cores();
  const study::MachineRecord machine = study::machine_record();
  for (int n = 2; n <= most; n = n * 2 > most && n < most ? most : n * 2) {
    if (!gpu && !machine.threading.empty()) layouts.push_back({1, n});
    if (!machine.mpi.empty()) layouts.push_back({n, 1});
  }
  return layouts;
}

Experiment experiment(const StudyOptions& options, std::string name, Scaling scaling,
                      const std::vector<Grid>& layouts) {
  Experiment e;
  e.name = std::move(name);
  e.scaling = scaling;
  e.layouts = layouts;
  e.ranks_by = options.ranks_by;
  e.threads_by = options.threads_by;
  e.batch = options.batch;
  e.epochs = options.epochs;
  e.limit = options.limit;
  e.set = options.set;
  if (scaling == Scaling::weak && !e.batch) {
    e.batch = load_model_file(options.subject, options.set).train.batch;
  }
  return e;
}

StudyPlan plan_of_model(const StudyOptions& options) {
  StudyPlan plan;
  plan.model = options.subject;
  std::vector<Grid> layouts;
  for (const std::string& text : options.layouts) layouts.push_back(study::parse_grid(text));
  if (layouts.empty()) layouts = usual_layouts(options.device == "cuda");
  if (options.mode != "weak") {
    plan.experiments.push_back(experiment(options, "Strong scaling", Scaling::strong, layouts));
  }
  if (options.mode != "strong") {
    plan.experiments.push_back(experiment(options, "Weak scaling", Scaling::weak, layouts));
  }
  if (options.per_layer) {
    plan.experiments.push_back(experiment(options, "Layers alone", Scaling::strong, layouts));
    plan.experiments.back().per_layer = true;
  }
  return plan;
}

StudyPlan plan_of_file(const CLI::App& command, const StudyOptions& options,
                       const std::string& text) {
  for (const char* name : kOnlyWithModel) {
    if (command.get_option(name)->count() == 0) continue;
    throw UserError(Fault::usage, fmt::format("{} with a study file", name),
                    "the study file sets this for each experiment",
                    fmt::format("change it in {}", options.subject));
  }
  StudyPlan plan = study::parse_plan(text, options.subject);
  for (Experiment& e : plan.experiments) {
    if (options.epochs) e.epochs = options.epochs;
  }
  return plan;
}

}  // namespace

void add_study_options(CLI::App& command, StudyOptions& options) {
  command
      .add_option(
          "MODEL|STUDY.toml", options.subject,
          "A model (see 'convoy info'), or a file that describes a study; default: tiny-relu")
      ->type_name("");
  command.add_option("--data", options.data, "Same as for 'convoy train'; default: fashion-mnist")
      ->type_name("NAME|DIR|FILE")
      ->group(kDataGroup);
  command
      .add_option("--validation", options.validation,
                  "Hold out this fraction of the training images, as 'convoy train' does")
      ->check(fraction())
      ->type_name("FRACTION")
      ->group(kDataGroup);
  add_picture_options(command, options.pictures);
  const auto add = [&](const char* name, auto& value, const char* text, const char* type) {
    return command.add_option(name, value, text)->type_name(type)->group(kStudyGroup);
  };
  add("--layouts", options.layouts,
      "Layouts to compare, as RANKSxTHREADS with commas between them: 1x1,1x2,2x1. Default: 1, 2, "
      "4 ... threads and ranks, up to the number of cores; on GPUs RANKSx1, up to their number",
      "LIST")
      ->delimiter(',')
      ->check(readable([](const std::string& text) { study::parse_grid(text); },
                       "RANKSxTHREADS, for example 2x1"))
      ->allow_extra_args(false);
  add("--ranks-by", options.ranks_by, "How work is split between ranks", "data|tensor")
      ->check(one_of({"data", "tensor"}))
      ->capture_default_str();
  add("--threads-by", options.threads_by, "How work is split between threads", "data|tensor")
      ->check(one_of({"data", "tensor"}))
      ->capture_default_str();
  add("--mode", options.mode,
      "strong: the same problem for every layout; weak: --batch samples per step for each worker",
      "strong|weak|both")
      ->check(one_of({"strong", "weak", "both"}))
      ->capture_default_str();
  command.add_flag("--per-layer", options.per_layer, "Also measure each layer alone")
      ->group(kStudyGroup);
  add("--batch", options.batch, "Samples per step; with weak scaling, per worker", "N")
      ->check(whole_number(1));
  add("--epochs", options.epochs, "Epochs of each run; default: the model file's", "N")
      ->check(whole_number(1));
  add("--limit", options.limit, "Use only the first N training images", "N")
      ->check(whole_number(1));
  add("--set", options.set, "Override any key of the model file; repeatable", "KEY=VALUE")
      ->allow_extra_args(false);
  add("--repeats", options.repeats,
      "Number of rounds; every configuration runs once in each; default: 5", "N")
      ->check(whole_number(1));
  add("--seed", options.seed, "Seed for the order of the runs; default: 1", "N")
      ->check(whole_number(0));
  add("--target-accuracy", options.target_accuracy,
      "Target for time to accuracy (above 0, at most 1); default: the highest that all runs reach",
      "X")
      ->check(CLI::Validator(
          [](const std::string& text) {
            double value = 0;
            return CLI::detail::lexical_cast(text, value) && value > 0 && value <= 1
                       ? std::string()
                       : text + " is not a number above 0 and at most 1";
          },
          ""));
  add("--device", options.device, "Train on the processor or on GPUs", "cpu|cuda")
      ->check(one_of({"cpu", "cuda"}))
      ->capture_default_str();
  add("--launcher", options.launcher,
      "Command that starts the ranks, such as 'srun --mpi=pmix -n {ranks} -c {threads}'; default: "
      "convoy "
      "train --ranks",
      "COMMAND");
  command
      .add_flag("--dry-run", options.dry_run,
                "Print the runs and about how long they will take; run nothing")
      ->group(kStudyGroup);
  command
      .add_option(
          "--out", options.out,
          "Folder of the study; an interrupted study continues there. Default: runs/study-NAME for "
          "a file, runs/study-of-MODEL for a model")
      ->type_name("DIR")
      ->group(kOutputGroup);
  command.add_flag("--json", options.json, "Print study.json on stdout instead of tables")
      ->group(kOutputGroup);
  command.add_flag("--quiet", options.quiet, "Print no progress on stderr")->group(kOutputGroup);
}

StudyPlan choose_study(const CLI::App& command, const StudyOptions& options) {
  const std::optional<std::string> text = study_text(options.subject);
  StudyPlan plan = text ? plan_of_file(command, options, *text) : plan_of_model(options);
  if (options.data) plan.data = *options.data;
  if (options.validation) plan.validation = *options.validation;
  if (options.pictures.test_fraction) plan.test_fraction = *options.pictures.test_fraction;
  if (!options.pictures.bad_images.empty()) plan.bad_images = options.pictures.bad_images;
  if (!options.pictures.cache.empty()) plan.cache = options.pictures.cache;
  if (command.get_option("--device")->count() > 0) plan.device = options.device;
  if (options.repeats) plan.repeats = *options.repeats;
  if (options.seed) plan.seed = *options.seed;
  if (options.target_accuracy) plan.target_accuracy = options.target_accuracy;
  if (options.launcher) plan.launcher = *options.launcher;
  if (plan.name.empty()) plan.name = plan.model + " on " + plan.data;
  study::complete(plan, options.subject, Fault::usage);
  return plan;
}

}  // namespace convoy::app
