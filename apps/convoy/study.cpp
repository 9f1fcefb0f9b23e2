// SPDX-License-Identifier: Apache-2.0
// convoy study: what each way of parallelising brings, measured and reported.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "commands.hpp"
#include "convoy/measure/steps.hpp"
#include "convoy/report/metrics.hpp"
#include "convoy/report/plots.hpp"
#include "convoy/study/folder.hpp"
#include "convoy/study/machine.hpp"
#include "convoy/study/report.hpp"
#include "exit_codes.hpp"
#include "options.hpp"
#include "output.hpp"
#include "study_choice.hpp"
#include "study_run.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;
using study::Study;
using study::StudyPlan;

// The model as an experiment trains it.
Model model_of(const StudyPlan& plan, const study::Experiment& experiment) {
  std::vector<Override> overrides = experiment.set;
  if (experiment.batch) overrides.push_back(fmt::format("train.batch={}", *experiment.batch));
  if (experiment.epochs) overrides.push_back(fmt::format("train.epochs={}", *experiment.epochs));
  return load_model(plan.model, overrides);
}

// What can be found wrong is found before anything is measured.
Study new_study(const StudyPlan& plan, const TrainAndTest& data) {
  Study study;
  study.version = kVersion;
  study.plan = plan;
  study.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  study.machine = study::machine_record();
  for (const study::Experiment& experiment : plan.experiments) {
    const Model model = model_of(plan, experiment);
    check_fit(model.net, data.train, data.name);
    Layout layout;
    layout.device = plan.device;
    engine_options(layout, model.train);
    study.flops_per_sample = model.net.flops_per_sample();
    study.parameters = model.net.parameter_count();
    study.layers.clear();
    for (const Layer& layer : model.net.layers()) {
      study.layers.push_back({layer.name, std::string(type_name(layer.op))});
    }
  }
  for (const study::Configuration& which : study::configurations(plan)) {
    std::vector<std::string> command = study_command(plan, which);
    const auto program = std::ranges::find(command, std::string("train"));
    *(program - 1) = "convoy";  // as typed, not where it lies
    study.commands.push_back(std::move(command));
  }
  return study;
}

// Of one process, by a few steps of one thread here. Workers beyond the cores take turns.
double estimate(const StudyPlan& plan, const study::Configuration& which,
                const TrainAndTest& data) {
  constexpr double kStart = 0.7, kLook = 0.3;  // of a process; at the steps
  const study::Experiment& experiment = plan.experiments[which.experiment];
  const Model model = model_of(plan, experiment);
  EngineOptions options;
  options.threads = 1;
  options.batch = model.train.batch;
  options.grain = model.train.grain;
  measure::StepTimes steps(model, data.train, options);
  steps.run(kLook);
  std::vector<double> seconds = steps.seconds();
  std::ranges::sort(seconds);
  const Index samples = std::min(experiment.limit.value_or(data.train.size()), data.train.size());
  const double epoch = seconds[seconds.size() / 2] * static_cast<double>(samples) /
                       static_cast<double>(model.train.batch);
  const int workers = std::min(experiment.layouts[which.layout].workers(), usable_cores());
  return kStart + epoch * static_cast<double>(model.train.epochs) / workers;
}

void print_dry_run(const StudyPlan& plan, const TrainAndTest& data, const fs::path& folder) {
  double all = 0;
  std::string text;
  for (const study::Configuration& which : study::configurations(plan)) {
    const study::Experiment& experiment = plan.experiments[which.experiment];
    const double seconds = estimate(plan, which, data);
    all += seconds * plan.repeats;
    std::vector<std::string> command = study_command(plan, which);
    text += fmt::format("{} {}, about {} each:\n  {}\n", experiment.name,
                        to_string(experiment.layouts[which.layout]), as_duration(seconds),
                        fmt::join(command, " "));
  }
  write_stdout(
      fmt::format("{}\n{} configurations, {} rounds, about {} in all (more where workers "
                  "outnumber the {} cores);\nresults would lie in {}\n",
                  text, study::configurations(plan).size(), plan.repeats, as_duration(all),
                  usable_cores(), folder.string()));
}

std::string default_folder(const StudyOptions& options) {
  return (fs::path("runs") / ("study-" + fs::path(options.subject).stem().string())).string();
}

int run(const CLI::App& command, const StudyOptions& options) {
  const StudyPlan plan = choose_study(command, options);
  const fs::path out = options.out.empty() ? default_folder(options) : options.out;
  const TrainAndTest data = load_data(plan.data);
  Study study = new_study(plan, data);
  if (options.dry_run) {
    print_dry_run(plan, data, out);
    return kDone;
  }
  require_gnuplot();
  const study::StudyFolder folder(out, study);
  const auto say = [&](const std::string& line) {
    if (!options.quiet) write_stderr(line + "\n");
  };
  const bool done = run_study(study, folder, say);
  if (!study.runs.empty()) folder.save_reports(study);
  if (!done) {
    write_stderr(fmt::format("convoy: stopped; the same command goes on in {}\n", out.string()));
  }
  if (options.json) {
    write_json(Json::parse(to_json(study)));
  } else if (done) {
    write_stdout(study::markdown(study, analyse(study)));
  }
  say(fmt::format("report: {}", (out / "report.html").string()));
  return done ? kDone : kStopped;
}

}  // namespace

void add_study(CLI::App& app, std::function<int()>& action) {
  CLI::App* command =
      app.add_subcommand("study", "Measure what threads, ranks and both bring, and report it");
  auto options = std::make_shared<StudyOptions>();
  add_study_options(*command, *options);
  command->footer(
      "Every configuration runs in a process of its own, once in every round, in an order that is\n"
      "shuffled; the same command continues a study that was interrupted. The folder gets\n"
      "study.json, report.html (one file, readable offline), tables.md, tables.tex and "
      "tables/*.csv.\n"
      "Figures that the measurements do not support are flagged; a speedup is withheld where the\n"
      "trained weights differ. studies/ has two to begin with. The plots need gnuplot.\n"
      "Exit codes: as of 'convoy train'; 75: interrupted, to go on.\n\n"
      "Examples:\n"
      "  convoy study tiny-relu --layouts 1x1,1x2,2x1 --epochs 2\n"
      "  convoy study studies/tiny-relu.toml --out runs/report-one\n"
      "  convoy study lenet5 --per-layer --threads-by tensor --dry-run");
  command->callback([options, command, &action] {
    action = [options, command] { return run(*command, *options); };
  });
}

}  // namespace convoy::app
