// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace convoy::study {
namespace {

std::set<std::string> digests_of(const LayoutResult& layout) {
  std::set<std::string> digests;
  for (const RunRecord* run : layout.runs) digests.insert(run->weights_sha256);
  return digests;
}

bool has_contract(const LayoutResult& layout) {
  return std::ranges::all_of(layout.runs, [](const RunRecord* run) { return run->contract; });
}

std::string counted(std::size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

// "4 workers" of a layout: ranks and threads that really worked, at most, in its runs.
int working(const LayoutResult& layout) {
  int most = 0;
  for (const RunRecord* run : layout.runs) most = std::max(most, run->ranks * run->threads);
  return most;
}

void flag_digests(std::vector<std::string>& flags, const Experiment& experiment,
                  const LayoutResult& layout, const LayoutResult& serial) {
  if (!has_contract(layout)) {
    flags.emplace_back("it ran without the contract of one digest: speedup withheld");
  } else if (const std::set<std::string> own = digests_of(layout); own.size() > 1) {
    flags.push_back(
        fmt::format("its runs ended in {} different digests: speedup withheld", own.size()));
  } else if (!comparable(experiment, layout, serial)) {
    flags.emplace_back(
        "its digest is not that of the serial run: another computation, speedup withheld");
  }
}

void flag_workers(std::vector<std::string>& flags, const Study& study, const LayoutResult& layout) {
  const int asked = layout.grid.workers(), cores = study.machine.facts.usable_cores;
  if (asked > cores) {
    flags.push_back(fmt::format("{} workers on {}: they take turns", asked,
                                counted(static_cast<std::size_t>(cores), "core")));
  }
  if (const int really = working(layout); really < asked) {
    flags.push_back(fmt::format("only {} of {} workers had work", really, asked));
  }
}

void flag_speedup(std::vector<std::string>& flags, const LayoutResult& layout) {
  if (layout.withheld || layout.grid.workers() < 2) return;
  const Estimate& e = layout.efficiency;
  if (e.has_interval() ? e.low > 1 : e.value > 1) {
    flags.emplace_back(
        "a speedup above the number of workers, without a cause that this study can name (caches? "
        "a slow serial run?)");
  }
}

}  // namespace

bool comparable(const Experiment& experiment, const LayoutResult& layout,
                const LayoutResult& serial) {
  if (layout.runs.empty() || serial.runs.empty()) return false;
  const std::set<std::string> own = digests_of(layout);
  if (own.size() != 1 || !has_contract(layout)) return false;
  const bool same_problem = experiment.scaling == Scaling::strong;
  return !same_problem || own == digests_of(serial);
}

std::vector<std::string> flags_of(const Study& study, const Experiment& experiment,
                                  const LayoutResult& layout, const LayoutResult& serial) {
  std::vector<std::string> flags;
  if (layout.runs.empty()) return {"no run yet"};
  flag_digests(flags, experiment, layout, serial);
  if (experiment.scaling == Scaling::weak && layout.batch != serial.batch) {
    flags.push_back(fmt::format(
        "the global batch is {}, not {}: another training, so compare the time to an accuracy and "
        "not that of an epoch",
        layout.batch, serial.batch));
  }
  flag_workers(flags, study, layout);
  const auto busy = static_cast<std::size_t>(std::ranges::count_if(
      layout.runs, [](const RunRecord* run) { return run->busy_cores > kBusyCores; }));
  if (busy > 0) {
    flags.push_back(fmt::format("other programs used the machine before {} of {}", busy,
                                counted(layout.runs.size(), "run")));
  }
  if (layout.runs.size() < kEnoughRepeats) {
    flags.push_back(fmt::format("{}: fewer than {} say little", counted(layout.runs.size(), "run"),
                                kEnoughRepeats));
  }
  const Estimate& time = layout.epoch_seconds;
  if (time.has_interval() && time.high - time.low > kWide * time.value) {
    flags.push_back(fmt::format("the interval is {:.0f} % of the time wide",
                                100 * (time.high - time.low) / time.value));
  }
  flag_speedup(flags, layout);
  return flags;
}

std::vector<std::string> flags_of(const Study& study) {
  std::vector<std::string> flags;
  std::set<std::string> isas;
  std::size_t wanted = 0;
  for (const Experiment& experiment : study.plan.experiments) {
    wanted += experiment.layouts.size() * static_cast<std::size_t>(study.plan.repeats);
  }
  for (const RunRecord& run : study.runs) isas.insert(run.isa);
  if (study.runs.size() < wanted) {
    flags.push_back(fmt::format("only {} of {} runs are done", study.runs.size(), wanted));
  }
  if (isas.size() > 1) flags.emplace_back("runs used different instruction sets");
  if (study.plan.repeats < kEnoughRepeats) {
    flags.push_back(fmt::format("every layout ran {}: intervals need at least {}",
                                study.plan.repeats == 1 ? "once" : "twice", kEnoughRepeats));
  }
  return flags;
}

}  // namespace convoy::study
