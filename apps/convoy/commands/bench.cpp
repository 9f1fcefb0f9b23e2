// SPDX-License-Identifier: Apache-2.0
// convoy bench: the limits of this machine, and how near a model's stages come to them.
#include "measure/cuda_bench.hpp"

#include <fmt/format.h>
#include <optional>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/bench_report.hpp"
#include "commands/commands.hpp"
#include "study/machine.hpp"

namespace convoy::app {
namespace {

struct BenchOptions {
  std::string model = "tiny-relu";
  std::optional<Index> batch;
  std::vector<std::string> set;
  std::string data;
  Layout layout;
  double seconds = 10;
  std::string svg;
  bool json = false;
  bool quiet = false;
};

ModelFile chosen_model(const BenchOptions& options) {
  std::vector<Override> overrides;
  if (options.batch) overrides.push_back(fmt::format("train.batch={}", *options.batch));
  overrides.insert(overrides.end(), options.set.begin(), options.set.end());
  return load_model_file(options.model, overrides);
}

// The images and their name.
std::pair<Dataset, std::string> chosen_data(const BenchOptions& options, const ModelFile& model) {
  if (options.data.empty()) return {measure::images_for(model.net), "synthetic"};
  const TrainAndTest data = load_data(options.data, data_options(model));
  check_fit(model.net, data.train, {}, data.name);
  return {data.train, data.name};
}

// Shows the progress: on a terminal a line that is redrawn, elsewhere one line at the beginning.
void tell(const BenchOptions& options, LiveLine& line, std::string_view model, int round) {
  if (options.quiet) return;
  const std::string text = fmt::format("measuring {} for about {:g} s", model, options.seconds);
  line.show(fmt::format("{}, round {} of {} ", text, round + 1, measure::kRounds));
  if (!line.live() && round == 0) write_line(text);
}

int bench(const BenchOptions& options) {
  const ModelFile model = chosen_model(options);
  const EngineOptions engine = engine_options(options.layout, model.train);
  const auto [data, data_name] = chosen_data(options, model);
  if (!options.svg.empty()) check_writable(options.svg);
  const auto measure = engine.device == Device::cuda ? measure::cuda_bench : measure::bench;
  const study::OtherLoad others;
  LiveLine line;
  const measure::BenchResult result = measure(model, data, engine, options.seconds, [&](int round) {
    tell(options, line, model.net.name(), round);
  });
  const double busy_cores = others.busy_cores();
  line.clear();
  if (busy_cores > study::kBusyCores) {
    write_warning(fmt::format(
        "other programs used {:.2f} cores meanwhile (peak and stages are measured at different "
        "times, so a share can exceed 100 %): measure again when those programs have ended",
        busy_cores));
  }
  for (const std::string& text : result.warnings) write_warning(text);
  const BenchSubject subject{model, data_name, busy_cores};
  if (!options.svg.empty()) save_file(options.svg, roofline_svg(roofline(subject, result)));
  if (options.json) {
    write_json(document(subject, result));
  } else {
    write_stdout(table(subject, result));
  }
  return kDone;
}

}  // namespace

void add_bench(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand("bench",
                                         "Measure this machine's peak and bandwidth, and what "
                                         "fraction of them a model's stages reach");
  auto options = std::make_shared<BenchOptions>();
  command
      ->add_option("MODEL", options->model,
                   "A model's name (see 'convoy info') or a .toml file; default: tiny-relu")
      ->type_name("");
  command->add_option("--batch", options->batch, "Samples per step; default: the model file's")
      ->check(whole_number(1))
      ->type_name("N");
  command
      ->add_option("--set", options->set,
                   "Override any key of the model file, for example train.grain=8; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--data", options->data,
          "A set that 'convoy info' lists, a folder with the files of one, or an .npz file; "
          "default: synthetic images of the shape that the model reads")
      ->type_name("NAME|DIR|FILE");
  command->add_option("--seconds", options->seconds, "Measure for about this long")
      ->check(CLI::Validator(
          [](const std::string& text) {
            double value = 0;
            return CLI::detail::lexical_cast(text, value) && value >= 0.01 && value <= 1e6
                       ? std::string()
                       : text + " is not a number from 0.01 to 1000000";
          },
          ""))
      ->type_name("S")
      ->capture_default_str();
  constexpr LayoutHelp kHelp{"Layout to measure", "threads", "one GPU",
                             "each of them that the net fits", "as many as possible"};
  add_layout(*command, options->layout, kHelp);
  add_launching(*command, options->layout, kHelp);
  command->add_flag("--json", options->json, "Print one JSON document on stdout")
      ->group(kOutputGroup);
  command->add_option("--svg", options->svg, "Draw the roofline plot into this file")
      ->type_name("FILE")
      ->group(kOutputGroup);
  command->add_flag("--quiet", options->quiet, "Print no progress on stderr")->group(kOutputGroup);
  command->footer(
      "Measures in five alternating rounds: the peak of fused multiply-adds (FP32) and the "
      "bandwidth\n"
      "of memory and caches, for one thread and for all; each stage of the model (one pass of a\n"
      "layer, or of several fused layers) on one worker; and whole training steps. On a GPU: its\n"
      "peak and bandwidth, the kernels of each stage, and whole steps with each kind of launch\n"
      "(--launch). docs/performance.md defines each figure.\n"
      "Exit codes: see 'convoy train --help'.\n\n"
      "Examples:\n"
      "  convoy bench\n"
      "  convoy bench vgg-small --threads 1 --svg roofline.svg\n"
      "  convoy bench lenet5 --batch 128 --data mnist --json\n"
      "  convoy bench lenet5 --device cuda");
  command->callback([options, &action] { action = [options] { return bench(*options); }; });
}

}  // namespace convoy::app
