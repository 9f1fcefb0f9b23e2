// SPDX-License-Identifier: Apache-2.0
#include "study/flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/metrics.hpp"
#include "study/machine.hpp"
#include "study/words.hpp"

namespace convoy::study {
namespace {

using Flags = std::vector<Flag>;

std::set<std::string> digests_of(const LayoutResult& layout) {
  std::set<std::string> digests;
  for (const RunRecord* run : layout.runs) digests.insert(run->weights_sha256);
  return digests;
}

bool has_one_digest(const LayoutResult& layout) {
  const bool contract =
      std::ranges::all_of(layout.runs, [](const RunRecord* run) { return run->contract; });
  return contract && digests_of(layout).size() == 1;
}

// The largest number of workers that had work in the layout's runs.
int working(const LayoutResult& layout) {
  int most = 0;
  for (const RunRecord* run : layout.runs) most = std::max(most, run->working);
  return most;
}

double width(const Estimate& e) {
  return e.has_interval() ? (e.high - e.low) / e.value : 0;
}

// The reason why no figure compares the layout with the serial one.
std::string why_withheld(const LayoutResult& layout, const LayoutResult& serial) {
  if (serial.runs.empty()) return "the serial layout has no run yet";
  if (!std::ranges::all_of(layout.runs, [](auto* run) { return run->contract; })) {
    return "it ran with --reduction fast, whose weights depend on the layout";
  }
  if (const std::size_t own = digests_of(layout).size(); own > 1) {
    return fmt::format("its runs have {} different digests", own);
  }
  if (!has_one_digest(serial)) return "the serial runs have different digests";
  return "its digest differs from the serial run's, so it did a different computation";
}

Flag wide(std::string_view figure) {
  return {fmt::format("the interval is wider than {:.0f} % of the {}", 100 * kWide, figure),
          fmt::format("an interval is wider than {:.0f} % of its value", 100 * kWide),
          std::string(figure)};
}

// Doubts about the layout's times, which do not depend on what they are compared with.
Flags doubts_about(const LayoutResult& layout) {
  Flags flags;
  const auto busy = static_cast<std::size_t>(std::ranges::count_if(layout.runs, [](auto* run) {
    return std::max(run->busy_before, run->busy_during) > kBusyCores;
  }));
  const std::string runs = counted(layout.runs.size(), "run");
  if (busy > 0) {
    const std::string text = "other programs used the machine before or during";
    flags.push_back({fmt::format("{} {} of {}", text, busy, runs), text + " runs",
                     fmt::format("{} of {}", busy, runs)});
  }
  if (layout.runs.size() < kEnoughRepeats) {
    flags.push_back(
        {fmt::format("{}: at least {} are needed for a reliable figure", runs, kEnoughRepeats),
         fmt::format("at least {} runs are needed for a reliable figure", kEnoughRepeats), runs});
  }
  if (width(layout.epoch_seconds) > kWide) flags.push_back(wide("time"));
  return flags;
}

void flag_workers(Flags& flags, const Study& study, const LayoutResult& layout) {
  const int asked = layout.grid.workers();
  const Capacity capacity = capacity_of(study);
  if (asked > capacity.count) {
    const std::string there = counted(static_cast<std::size_t>(capacity.count), capacity.noun);
    flags.push_back(
        {fmt::format("{} workers on {}, so workers take turns", asked, there),
         fmt::format("more workers than the machine's {}, so workers take turns", there), ""});
  }
  if (const int really = working(layout); really < asked) {
    flags.push_back({fmt::format("only {} of {} workers had work to do", really, asked),
                     "not every worker had work to do", fmt::format("{} of {}", really, asked)});
  }
}

void flag_speedup(Flags& flags, const Study& study, const LayoutResult& layout,
                  const LayoutResult& serial) {
  if (layout.withheld || layout.grid.workers() < 2) return;
  const Estimate& s = layout.speedup;
  const int most = std::min({layout.grid.workers(), working(layout), capacity_of(study).count});
  if (s.has_interval() ? s.low > most : s.value > most) {
    const auto above = [](std::string_view workers) {
      return fmt::format(
          "the speedup is higher than {} can give; this study cannot tell the cause (caches, or a "
          "slow serial run)",
          workers);
    };
    const std::string workers = counted(static_cast<std::size_t>(most), "worker");
    flags.push_back({above(workers), above("the workers"), workers});
  }
  if (width(s) > kWide) flags.push_back(wide("speedup"));
  for (const Flag& doubt : doubts_about(serial)) {
    const std::string whose = "the serial runs that it is compared with: ";
    flags.push_back({whose + doubt.text, whose + doubt.common, doubt.detail, true});
  }
}

void flag_training(Flags& flags, const Experiment& experiment, const LayoutResult& layout,
                   const LayoutResult& serial) {
  if (experiment.scaling == Scaling::weak && layout.batch != serial.batch) {
    const auto batch = [&](const std::string& is) {
      return fmt::format(
          "the global batch is {}not {}, so the training differs: compare the time to an accuracy, "
          "not the time per epoch",
          is, serial.batch);
    };
    flags.push_back(
        {batch(fmt::format("{}, ", layout.batch)), batch(""), fmt::format("{}", layout.batch)});
  }
  if (!serial.runs.empty() && layout.accuracy < serial.accuracy - kWorseAccuracy) {
    const std::string own = as_percent(layout.accuracy), other = as_percent(serial.accuracy);
    flags.push_back({fmt::format("its accuracy is lower: {} instead of {}", own, other),
                     fmt::format("its accuracy is lower than the serial run's {}", other), own});
  }
}

}  // namespace

bool comparable(const Experiment& experiment, const LayoutResult& layout,
                const LayoutResult& serial) {
  if (!has_one_digest(layout) || !has_one_digest(serial)) return false;
  const bool same_problem = experiment.scaling == Scaling::strong;
  return !same_problem || digests_of(layout) == digests_of(serial);
}

Flags flags_of(const Study& study, const Experiment& experiment, const LayoutResult& layout,
               const LayoutResult& serial) {
  if (layout.runs.empty()) return {{"no run yet", "", ""}};
  Flags flags;
  if (layout.withheld) {
    flags.push_back({why_withheld(layout, serial) + ": speedup withheld", "", ""});
  }
  flag_training(flags, experiment, layout, serial);
  flag_workers(flags, study, layout);
  const Flags doubts = doubts_about(layout);
  flags.insert(flags.end(), doubts.begin(), doubts.end());
  flag_speedup(flags, study, layout, serial);
  return flags;
}

std::vector<std::string> flags_of(const Study& study) {
  std::vector<std::string> flags;
  std::set<std::string> isas, processors;
  for (const RunRecord& run : study.runs) {
    isas.insert(run.isa);
    processors.insert(run.cpu);
  }
  const std::size_t wanted =
      configurations(study.plan).size() * static_cast<std::size_t>(study.plan.repeats);
  if (study.runs.size() < wanted) {
    flags.push_back(fmt::format("only {} of {} runs are done", study.runs.size(), wanted));
  }
  if (isas.size() > 1) flags.emplace_back("runs used different instruction sets");
  processors.erase(study.machine.facts.cpu);
  if (!processors.empty()) {
    flags.push_back(
        fmt::format("runs were on another machine ({}): cores, load and peak in this report are "
                    "those of this machine",
                    *processors.begin()));
  }
  return flags;
}

}  // namespace convoy::study
