// SPDX-License-Identifier: Apache-2.0
// convoy report: curves and mistakes of training runs, as one HTML file.
#include <fmt/format.h>

#include "cli/exit_codes.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/run_report.hpp"
#include "report/plots.hpp"
#include "study/folder.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
  std::vector<std::string> runs;
  std::string choice;
  std::string data;
  std::string cache;
  std::string out = "report.html";
  bool quiet = false;
};

void tell(const ReportOptions& options, const std::string& text) {
  if (!options.quiet) write_line(text);
}

void refuse_twins(const std::vector<std::string>& folders) {
  std::error_code ignored;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!fs::equivalent(folders[i], folders[j], ignored)) continue;
      throw UserError(Fault::usage, fmt::format("{} is given twice", folders[i]), "",
                      "name each run once");
    }
  }
}

// Says what the report lacks because a file of the run, or its data, is missing or damaged.
void warn_of_gaps(const RunRecord& run) {
  const auto shown = static_cast<Index>(run.epochs.size());
  if (shown < run.epochs_done()) {
    write_warning(fmt::format(
        "the curves show {} of {} epochs ({} was damaged): the checkpoints are not affected", shown,
        run.epochs_done(), (run.folder / "metrics.jsonl").string()));
  }
  if (!run.result) {
    write_warning(
        fmt::format("the report shows only curves of {}: {}", run.folder.string(), run.why_not));
  }
}

std::string report_of_runs(const ReportOptions& options) {
  refuse_twins(options.runs);
  std::vector<RunRecord> runs;
  for (const std::string& folder : options.runs)
    runs.emplace_back(folder, options.choice, options.quiet);
  choose_names(runs);
  TestData data(options.quiet, options.cache);
  for (RunRecord& run : runs) {
    tell(options, fmt::format("testing {}", run.folder.string()));
    evaluate(run, data, options.data);
    if (!options.quiet) warn_of_gaps(run);
  }
  return run_report(runs);
}

// Refuses a folder that is neither that of a run nor that of a study.
void check_is_no_other(const fs::path& folder) {
  std::error_code ignored;
  const auto type = fs::status(checkpoints_of(folder), ignored).type();
  if (type != fs::file_type::not_found || !fs::is_directory(folder, ignored)) return;
  throw UserError(Fault::not_found, fmt::format("{} is neither a run nor a study", folder.string()),
                  "it has no folder named checkpoints and no file study.json",
                  "give the --out folder of `convoy train` or `convoy study`");
}

// Writes the reports of a study into its folder.
int report_of_study(const CLI::App& command, const ReportOptions& options) {
  const std::string& folder = options.runs.front();
  for (const char* name : {"--out", "--data", "--cache", "--checkpoint"}) {
    if (command.get_option(name)->count() == 0) continue;
    throw UserError(Fault::usage, fmt::format("{} with a study", name),
                    "a study's report is written into its own folder, from study.json only",
                    fmt::format("leave {} out", name));
  }
  if (options.runs.size() > 1) {
    throw UserError(Fault::usage, fmt::format("{} is a study", folder), "",
                    "report one study at a time");
  }
  const fs::path file = study::write_reports(study::load_study(folder), folder);
  tell(options, fmt::format("wrote {}", file.string()));
  return kDone;
}

int report(const CLI::App& command, const ReportOptions& options) {
  require_gnuplot();
  if (study::is_study(options.runs.front())) return report_of_study(command, options);
  for (const std::string& folder : options.runs) check_is_no_other(folder);
  check_writable(options.out);
  save_file(options.out, report_of_runs(options));
  tell(options, fmt::format("wrote {}", options.out));
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, std::function<int()>& action) {
  CLI::App* command =
      app.add_subcommand("report",
                         "Write curves, confusion matrix and mistakes of training runs into one "
                         "HTML file; or write a study's report again");
  auto options = std::make_shared<ReportOptions>();
  command
      ->add_option("RUN", options->runs, "Run folders, finished or not; or the folder of one study")
      ->required();
  add_checkpoint_choice(*command, options->choice);
  command
      ->add_option("--data", options->data,
                   "Test all runs on this data; default: each on the data that it was trained on")
      ->type_name("NAME|DIR|FILE")
      ->group(kDataGroup);
  add_cache_option(*command, options->cache);
  command->add_option("--out", options->out, "File to write; an existing one is replaced")
      ->type_name("FILE")
      ->capture_default_str()
      ->group(kOutputGroup);
  command->add_flag("--quiet", options->quiet, "Print no progress on stderr")->group(kOutputGroup);
  command->footer(
      "The file needs no other file and no network. gnuplot, which must be installed, draws the\n"
      "plots. The same runs and test data give the same bytes. If a run's test data is not found,\n"
      "the report shows its curves only.\n\n"
      "Examples:\n"
      "  convoy report runs/a\n"
      "  convoy report runs/serial runs/4-ranks --out compared.html");
  command->callback([options, command, &action] {
    action = [options, command] { return report(*command, *options); };
  });
}

}  // namespace convoy::app
