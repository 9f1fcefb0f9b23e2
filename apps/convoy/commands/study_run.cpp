// SPDX-License-Identifier: Apache-2.0
#include "commands/study_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <sstream>
#include <stdexcept>

#include "cli/exit_codes.hpp"
#include "internal.hpp"
#include "measure/cuda_rates.hpp"
#include "measure/rates.hpp"
#include "report/metrics.hpp"
#include "study/machine.hpp"
#include "study/words.hpp"
#include "supervision/process_tree.hpp"
#include "supervision/signals.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;
using study::Configuration;
using study::RunRecord;
using study::Study;
using study::StudyPlan;

constexpr int kTickMs = 50;
constexpr double kLookSeconds = 0.2;  // measures other load before each run
constexpr double kPeakSeconds = 0.1;
constexpr Index kWarmUpImages = 2000;

struct Stopped {};

std::string name_of(const StudyPlan& plan, const Configuration& which) {
  const study::Experiment& experiment = plan.experiments[which.experiment];
  return fmt::format("{} {}", experiment.name, to_string(experiment.layouts[which.layout]));
}

// The part of a failed process's output that a user needs: the last message of Convoy, after which
// a launcher may have added its own; without one the last lines.
std::string last_lines(const std::string& errors) {
  constexpr std::string_view kOurs = "convoy: ";
  constexpr std::size_t kLines = 4;
  std::deque<std::string> lines;
  std::string ours;
  std::istringstream text(errors);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(kOurs)) ours = line.substr(kOurs.size());
    if (line.find_first_not_of(" \t-*=") == std::string::npos) continue;  // separator lines
    lines.push_back(line);
    if (lines.size() > kLines) lines.pop_front();
  }
  return ours.empty() ? fmt::format("{}", fmt::join(lines, " / ")) : ours;
}

// A code that convoy train does not use comes from its launcher: what failed is outside Convoy. So
// is a signal that no fault in the program caused.
Fault fault_of(int code, bool by_launcher) {
  constexpr int kBySignal = 128;
  static constexpr std::array kCrashes{SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
  if (code == static_cast<int>(Fault::usage) ||
      (code >= static_cast<int>(Fault::bad_data) && code <= static_cast<int>(Fault::peer))) {
    return static_cast<Fault>(code);
  }
  const bool crashed = std::ranges::find(kCrashes, code - kBySignal) != kCrashes.end();
  return by_launcher || (code > kBySignal && !crashed) ? Fault::unavailable : Fault::internal;
}

[[noreturn]] void fail(const std::string& name, const std::vector<std::string>& command, int code,
                       bool by_launcher, const std::string& errors) {
  throw UserError(fault_of(code, by_launcher),
                  fmt::format("'{}' failed with exit code {}", name, code), last_lines(errors),
                  fmt::format("try it alone: {}", shell_command(command)));
}

// Removes what it can. The next run removes the rest, if no process uses it any more.
void remove_run(const fs::path& run_folder) {
  std::error_code ignored;
  fs::remove_all(run_folder, ignored);
}

struct Finished {
  std::string output;
  double seconds = 0;
  double busy_cores = 0;  // used by other programs meanwhile
};

// Runs one process of the configuration, from its start to its exit. Its run folder is not needed
// afterwards.
Finished run_process(const StudyPlan& plan, const Configuration& which, const fs::path& run_folder,
                     const StopSignals& signals) {
  std::vector<std::string> command = study_command(plan, which);
  remove_run(run_folder);
  command.insert(command.end(), {"--out", run_folder.string()});
  const study::OtherLoad others;
  const Stopwatch clock;
  ProcessTree tree(command, {}, "correct the study's launcher (--launcher), or leave it out");
  std::optional<int> code;
  std::string output, errors;
  while (!(code = tree.ended())) {
    if (*signals.requested()) throw Stopped();
    tree.listen(kTickMs);
    output += tree.take_output();
    errors += tree.take_errors();
  }
  const double seconds = clock.seconds();
  const double busy_cores = others.busy_cores();
  tree.end();
  tree.listen(0);
  output += tree.take_output();
  errors += tree.take_errors();
  remove_run(run_folder);
  // A signal to the whole job has reached the process, too.
  if (*signals.requested() || *code == kStopped) throw Stopped();
  if (*code != 0) fail(name_of(plan, which), command, *code, !plan.launcher.empty(), errors);
  return {std::move(output), seconds, busy_cores};
}

RunRecord measure(const Study& study, const Configuration& which, int round,
                  const fs::path& run_folder, const StopSignals& signals) {
  const double load = study::load_average();
  const study::OtherLoad others;
  study::sleep_for(kLookSeconds);
  const double busy_before = others.busy_cores();
  const Finished finished = run_process(study.plan, which, run_folder, signals);
  try {
    RunRecord run = study::run_record(finished.output);
    run.experiment = which.experiment;
    run.layout = which.layout;
    run.round = round;
    run.load = load;
    run.busy_before = busy_before;
    run.busy_during = finished.busy_cores;
    run.process_seconds = finished.seconds;
    return run;
  } catch (const std::invalid_argument& error) {
    const std::vector<std::string> command = study_command(study.plan, which);
    if (study.plan.launcher.empty()) {
      fail(name_of(study.plan, which), command, static_cast<int>(Fault::internal), false,
           error.what());
    }
    throw UserError(Fault::unavailable,
                    fmt::format("'{}' printed no result", name_of(study.plan, which)),
                    fmt::format("its launcher ended with exit code 0, and what it printed is not "
                                "a result: {}",
                                error.what()),
                    fmt::format("check --launcher; try it alone: {}", shell_command(command)));
  }
}

// Runs the same on few images, so that files are in the page cache and the machine is active.
void warm_up(const Study& study, const Configuration& which, const fs::path& run_folder,
             const StopSignals& signals) {
  StudyPlan brief = study.plan;
  study::Experiment& experiment = brief.experiments[which.experiment];
  experiment.limit = std::min(experiment.limit.value_or(kWarmUpImages), kWarmUpImages);
  experiment.epochs = 1;
  run_process(brief, which, run_folder, signals);
}

// Measures one GPU of this machine.
void measure_gpu(Study& study) {
  constexpr Index kBytes = Index{1}
                           << 28;  // more than a cache holds, and a part of any GPU's memory
  if (study.machine.gpus.empty()) return;
  if (study.peaks.empty()) study.peaks.emplace_back();
  study::PeakRecord& peak = study.peaks.front();
  peak.flops_per_second = std::max(peak.flops_per_second, measure::cuda_fma_peak(kPeakSeconds));
  peak.bytes_per_second =
      std::max(peak.bytes_per_second, measure::cuda_bandwidth(kBytes, kPeakSeconds));
}

// Measures as many threads as a layout can use at once, if this build has threads: the peak of
// several ranks without threads is not known. It comes after the runs, because threads may spin for
// a while afterwards.
void measure_peaks(Study& study) {
  if (study.plan.device == "cuda") return measure_gpu(study);
  const int cores = study.machine.facts.usable_cores;
  for (const study::Experiment& experiment : study.plan.experiments) {
    for (const study::Grid& grid : experiment.layouts) {
      const int threads = std::min(grid.workers(), cores);
      if (threads > 1 && study.machine.threading.empty()) continue;
      if (std::ranges::find(study.peaks, threads, &study::PeakRecord::threads) ==
          study.peaks.end()) {
        study.peaks.push_back({threads, 0});
      }
    }
  }
  std::ranges::sort(study.peaks, {}, &study::PeakRecord::threads);
  double fewer = 0;  // more threads reach at least what fewer threads did
  for (study::PeakRecord& peak : study.peaks) {
    const double rate = measure::fma_peak(peak.threads, kPeakSeconds);
    peak.flops_per_second = std::max({peak.flops_per_second, rate, fewer});
    fewer = peak.flops_per_second;
  }
}

bool is_done(const Study& study, const Configuration& which, int round) {
  return std::ranges::any_of(study.runs, [&](const RunRecord& run) {
    return run.experiment == which.experiment && run.layout == which.layout && run.round == round;
  });
}

// The time for the remaining runs, from the completed runs of the same configuration, or else of
// any.
double time_left(const Study& study) {
  std::map<std::pair<std::size_t, std::size_t>, std::pair<double, int>> done;
  double all = 0;
  for (const RunRecord& run : study.runs) {
    auto& [seconds, count] = done[{run.experiment, run.layout}];
    seconds += run.process_seconds + kLookSeconds;
    ++count;
    all += run.process_seconds + kLookSeconds;
  }
  double left = 0;
  for (const Configuration& which : study::configurations(study.plan)) {
    const auto known = done.find({which.experiment, which.layout});
    const int count = known == done.end() ? 0 : known->second.second;
    const double each = known == done.end() ? all / static_cast<double>(study.runs.size())
                                            : known->second.first / count;
    left += each * (study.plan.repeats - count);
  }
  return left;
}

void run_all(Study& study, const study::StudyFolder& folder, const StopSignals& signals,
             const std::function<void(const std::string&)>& say) {
  const std::vector<Configuration> all = study::configurations(study.plan);
  const std::size_t total = all.size() * static_cast<std::size_t>(study.plan.repeats);
  if (study.runs.size() < total) {
    say(fmt::format("warm-up: {}", study::counted(all.size(), "configuration")));
    for (const Configuration& which : all) warm_up(study, which, folder.run_folder(), signals);
  }
  for (int round = 1; round <= study.plan.repeats; ++round) {
    const std::size_t before = study.runs.size();
    for (const Configuration& which : study::shuffled_round(study.plan, round)) {
      if (is_done(study, which, round)) continue;
      study.runs.push_back(measure(study, which, round, folder.run_folder(), signals));
      folder.save(study);
      const RunRecord& run = study.runs.back();
      say(fmt::format("round {}/{}  run {}/{}  {}: {} of training, {} in all  ETA {}", round,
                      study.plan.repeats, study.runs.size(), total, name_of(study.plan, which),
                      as_duration(run.train_seconds), as_duration(run.process_seconds),
                      as_clock(time_left(study))));
    }
    if (study.runs.size() == before) continue;
    measure_peaks(study);
    folder.save(study);
  }
}

}  // namespace

std::vector<std::string> study_command(const StudyPlan& plan, const Configuration& which) {
  check_processes_are_seen("convoy study");
  std::vector<std::string> words = study::launcher_words(plan, which);
  words.push_back(fs::read_symlink("/proc/self/exe").string());
  const std::vector<std::string> more = study::train_words(plan, which);
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool run_study(Study& study, const study::StudyFolder& folder,
               const std::function<void(const std::string&)>& say) {
  const StopSignals signals(true);
  try {
    run_all(study, folder, signals, say);
    return true;
  } catch (const Stopped&) {
    remove_run(folder.run_folder());
    return false;
  }
}

}  // namespace convoy::app
