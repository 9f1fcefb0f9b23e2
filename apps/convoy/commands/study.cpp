// SPDX-License-Identifier: Apache-2.0
// convoy study: measures and reports how much each kind of parallelism speeds up training.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <filesystem>

#include "cli/exit_codes.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/data_loading.hpp"
#include "commands/study_choice.hpp"
#include "commands/study_run.hpp"
#include "measure/bench.hpp"
#include "measure/steps.hpp"
#include "report/metrics.hpp"
#include "report/plots.hpp"
#include "study/folder.hpp"
#include "study/machine.hpp"
#include "study/report.hpp"
#include "study/words.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;
using study::Study;
using study::StudyPlan;

// The model as an experiment trains it.
ModelFile model_of(const StudyPlan& plan, const study::Experiment& experiment) {
  std::vector<Override> overrides = experiment.set;
  if (experiment.batch) overrides.push_back(fmt::format("train.batch={}", *experiment.batch));
  if (experiment.epochs) overrides.push_back(fmt::format("train.epochs={}", *experiment.epochs));
  return load_model_file(plan.model, overrides);
}

// The data as the first experiment trains on it.
TrainAndTest data_of(const StudyPlan& plan, bool quiet) {
  const DataSettings settings{
      .name = plan.data,
      .validation = plan.validation,
      .test_fraction = plan.test_fraction,
      .bad_images = bad_images_from(plan.bad_images).value_or(BadImages::stop)};
  PictureOptions pictures;
  pictures.cache = plan.cache;
  DataLoading loading(quiet);
  const ModelFile model = model_of(plan, plan.experiments.front());
  return load_data(plan.data, loading.options(data_options(model, settings), pictures));
}

// The part of a net that must be the same in all experiments.
std::string net_of(const ModelFile& model) {
  std::string text =
      fmt::format("{} {}", model.net.flops_per_sample(), model.net.parameter_count());
  for (const Layer& layer : model.net.layers()) {
    text += fmt::format(" {} {}", layer.name, type_name(layer.op));
  }
  return text;
}

void add_gpus(study::MachineRecord& machine) {
  for (const CudaDevice& gpu : cuda_devices()) machine.gpus.push_back(gpu.name);
  machine.cuda = cuda_library();
}

// A layout that this build cannot run would be measured as another one, or fail during the study.
void check_layouts(const StudyPlan& plan, const study::MachineRecord& machine) {
  for (const study::Experiment& experiment : plan.experiments) {
    for (const study::Grid& grid : experiment.layouts) {
      const bool threads = grid.threads > 1 && machine.threading.empty();
      if (!threads && (grid.ranks == 1 || !machine.mpi.empty())) continue;
      throw UserError(Fault::unavailable,
                      fmt::format("layout {} is not available", to_string(grid)),
                      fmt::format("this program was built without {}", threads ? "OpenMP" : "MPI"),
                      fmt::format("build it with CONVOY_{}=ON, or leave the layout out",
                                  threads ? "OPENMP" : "MPI"));
    }
  }
}

// Checks as much as possible before anything is measured.
Study new_study(const StudyPlan& plan, const TrainAndTest& data) {
  Study study;
  study.version = kVersion;
  study.plan = plan;
  study.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  study.machine = study::machine_record();
  check_layouts(plan, study.machine);
  if (plan.device == "cuda") add_gpus(study.machine);
  Layout layout;
  layout.device = plan.device;
  const ModelFile first = model_of(plan, plan.experiments.front());
  for (const study::Experiment& experiment : plan.experiments) {
    const ModelFile model = model_of(plan, experiment);
    check_fit(model.net, data.train, data.test, data.name);
    // The machines of a launcher cannot be checked here.
    if (plan.launcher.empty()) engine_options(layout, model.train);
    if (net_of(model) == net_of(first)) continue;
    throw UserError(Fault::bad_data, fmt::format("'{}' trains a different net", experiment.name),
                    "a study compares layouts of one net", "make one study per net");
  }
  study.flops_per_sample = first.net.flops_per_sample();
  study.parameters = first.net.parameter_count();
  study.model_sha256 = study::sha256_of(load_model_file(plan.model).text);
  study.data_sha256 = data.train.sha256();
  for (const Layer& layer : first.net.layers()) {
    study.layers.push_back({layer.name, std::string(type_name(layer.op))});
  }
  for (const study::Configuration& which : study::configurations(plan)) {
    std::vector<std::string> command = study_command(plan, which);
    command[study::launcher_words(plan, which).size()] = "convoy";  // as typed, not its path
    study.commands.push_back(std::move(command));
  }
  return study;
}

// Seconds per step of one worker, and per test image.
struct Pace {
  double step = 0, test_image = 0;
};

Pace pace_of(const ModelFile& model, const Dataset& data, bool gpu) {
  constexpr double kLook = 0.3, kForwardPart = 1.0 / 3;
  EngineOptions options;
  options.device = gpu ? Device::cuda : Device::cpu;
  options.cpu.threads = 1;
  options.batch = model.train.batch;
  options.grain = model.train.grain;
  measure::StepTimes steps(model, data, options);
  steps.run(kLook);
  const double step = measure::spread_of(steps.seconds()).median;
  return {step, kForwardPart * step / static_cast<double>(model.train.batch)};
}

// The estimated time of one process with `workers` that work at the same time, without the cost of
// their barriers.
double estimate(const study::Experiment& experiment, int workers, const ModelFile& model,
                const Pace& pace, const TrainAndTest& data) {
  constexpr double kStart = 0.9;  // of a process, and of the measurement before it
  const Index samples = std::min(experiment.limit.value_or(data.train.size()), data.train.size());
  const double epoch =
      pace.step * static_cast<double>(samples) / static_cast<double>(model.train.batch) +
      pace.test_image * static_cast<double>(data.test.size());
  return kStart + epoch * static_cast<double>(model.train.epochs) / workers;
}

void print_dry_run(const Study& study, const TrainAndTest& data, const fs::path& folder) {
  const StudyPlan& plan = study.plan;
  const study::Capacity capacity = study::capacity_of(study);
  const bool gpu = !study.machine.gpus.empty();
  double all = 0;
  std::string text;
  std::size_t count = 0;
  for (std::size_t e = 0; e < plan.experiments.size(); ++e) {
    const study::Experiment& experiment = plan.experiments[e];
    const ModelFile model = model_of(plan, experiment);
    const Pace pace = pace_of(model, data.train, gpu);
    for (std::size_t l = 0; l < experiment.layouts.size(); ++l, ++count) {
      const int workers = std::min(experiment.layouts[l].workers(), capacity.count);
      const double seconds = estimate(experiment, workers, model, pace, data);
      all += seconds * plan.repeats;
      text += fmt::format("{} {}, about {} each:\n  {}\n", experiment.name,
                          to_string(experiment.layouts[l]), as_duration(seconds),
                          shell_command(study_command(plan, {e, l})));
    }
  }
  write_stdout(fmt::format(
      "{}\n{}, {}, about {} in all, and a warm-up (longer if there are more workers than {},\nor "
      "if workers wait for each other after every operation); results would be in {}\n",
      text, study::counted(count, "configuration"),
      study::counted(static_cast<std::size_t>(plan.repeats), "round"), as_duration(all),
      study::counted(static_cast<std::size_t>(capacity.count), capacity.noun),
      printable(folder.string())));
}

fs::path default_folder(const StudyOptions& options) {
  const fs::path subject(options.subject);
  const bool is_file = subject.extension() == ".toml";
  return fs::path("runs") / ((is_file ? "study-" : "study-of-") + subject.stem().string());
}

// Runs the study, and also reports what was measured before an error.
bool run_and_report(Study& study, const study::StudyFolder& folder,
                    const std::function<void(const std::string&)>& say) {
  bool done = false;
  std::exception_ptr error;
  try {
    done = run_study(study, folder, say);
  } catch (...) {
    error = std::current_exception();
  }
  if (!study.runs.empty()) {
    folder.save_reports(study);
    say(fmt::format("report: {}", (folder.path() / "report.html").string()));
  }
  if (error) std::rethrow_exception(error);
  return done;
}

int run(const CLI::App& command, const StudyOptions& options) {
  const StudyPlan plan = choose_study(command, options);
  const fs::path out = options.out.empty() ? default_folder(options) : fs::path(options.out);
  const TrainAndTest data = data_of(plan, options.quiet);
  Study study = new_study(plan, data);
  if (options.dry_run) {
    print_dry_run(study, data, out);
    return kDone;
  }
  require_gnuplot();
  const study::StudyFolder folder(out, study);
  const auto say = [&](const std::string& line) {
    if (!options.quiet) write_line(line);
  };
  const bool done = run_and_report(study, folder, say);
  if (!done) {
    write_message(
        fmt::format("stopped; run the same command to continue the study in {}", out.string()));
  }
  if (options.json) {
    write_json(Json::parse(to_json(study)));
  } else if (done) {
    write_stdout(study::text_report(study, analyse(study), TextTarget::terminal));
  }
  return done ? kDone : kStopped;
}

}  // namespace

void add_study(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand(
      "study", "Measure how much threads and ranks speed training up, and report it");
  auto options = std::make_shared<StudyOptions>();
  add_study_options(*command, *options);
  command->footer(
      "Every configuration runs in a process of its own, once in every round, in shuffled order. "
      "The\n"
      "same command continues a study that was interrupted. The folder then holds study.json,\n"
      "report.html (one file, readable offline), tables.md, tables.tex and tables/*.csv. Figures "
      "that\n"
      "the measurements do not support are flagged; no speedup is printed where the trained "
      "weights\n"
      "differ. The folder studies/ has two examples. The plots need gnuplot.\n"
      "Exit codes: see 'convoy train --help'; 75: interrupted, run the same command to "
      "continue.\n\n"
      "Examples:\n"
      "  convoy study tiny-relu --layouts 1x1,1x2,2x1 --epochs 2\n"
      "  convoy study studies/tiny-relu.toml --out runs/report-one\n"
      "  convoy study lenet5 --per-layer --threads-by tensor --dry-run\n"
      "  convoy study lenet5 --device cuda --per-layer");
  command->callback([options, command, &action] {
    action = [options, command] { return run(*command, *options); };
  });
}

}  // namespace convoy::app
