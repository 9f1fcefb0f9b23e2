// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "convoy/base/safe_text.hpp"
#include "convoy/report/metrics.hpp"
#include "convoy/report/page.hpp"
#include "convoy/study/words.hpp"

namespace convoy::study {
namespace {

using Facts = std::vector<std::pair<std::string, std::string>>;

std::string isa_in_words(std::string_view isa) {
  for (const auto& [name, bits] :
       {std::pair{"avx512", 512}, std::pair{"avx2", 256}, std::pair{"neon", 128}}) {
    if (isa == name) return fmt::format("{}, vectors of {} bits", isa, bits);
  }
  return std::string(isa);
}

Facts machine_facts(const Study& study) {
  const MachineFacts& facts = study.machine.facts;
  Facts list{
      {"Processor", facts.cpu},
      {"Cores",
       fmt::format("{} online, {} usable (affinity, quota)", facts.cores, facts.usable_cores)},
      {"Memory", as_bytes(static_cast<double>(facts.memory_bytes))},
      {"System", facts.system},
      {"Compiler", facts.compiler},
      {"Threads", study.machine.threading.empty() ? "none in this build" : study.machine.threading},
      {"Messages", study.machine.mpi.empty() ? "none in this build" : study.machine.mpi}};
  if (!study.machine.gpus.empty()) {
    list.emplace_back("GPUs", fmt::format("{}", fmt::join(study.machine.gpus, ", ")));
    list.emplace_back("GPU library", study.machine.cuda);
  }
  if (!study.runs.empty()) {
    list.emplace_back("Instruction set", isa_in_words(study.runs.front().isa));
    const auto [lowest, highest] = std::ranges::minmax(study.runs, {}, &RunRecord::load);
    list.emplace_back(
        "Load before the runs",
        fmt::format("{:.2f} to {:.2f} (one-minute average, which includes earlier runs)",
                    lowest.load, highest.load));
  }
  for (const PeakRecord& peak : study.peaks) {
    if (peak.bytes_per_second > 0) {
      list.emplace_back("A GPU's FMA peak and bandwidth",
                        fmt::format("{:.0f} GFLOP/s and {:.0f} GB/s, measured",
                                    peak.flops_per_second / 1e9, peak.bytes_per_second / 1e9));
      continue;
    }
    list.emplace_back(
        fmt::format("FMA peak, {} thread{}", peak.threads, peak.threads == 1 ? "" : "s"),
        fmt::format("{:.1f} GFLOP/s, measured", peak.flops_per_second / 1e9));
  }
  return list;
}

Facts study_facts(const Study& study) {
  const StudyPlan& plan = study.plan;
  return {
      {"Model", fmt::format("{}: {} parameters, {} FLOP an image", plan.model,
                            with_commas(study.parameters), with_commas(study.flops_per_sample))},
      {"Data", plan.data},
      {"Runs",
       fmt::format("{} runs of {} configurations in {} rounds; the order of each round is "
                   "shuffled with the seed {}",
                   study.runs.size(), configurations(plan).size(), plan.repeats, plan.seed)},
      {"Target accuracy", plan.target_accuracy
                              ? as_percent(*plan.target_accuracy)
                              : "the highest that all runs of an experiment reach"},
      {"Began", study.date},
      {"Convoy", study.version}};
}

// What the fitted law says; nothing where there are no points. One number of workers is no fit.
std::string fit_in_words(const ExperimentResult& result) {
  const Estimate& f = result.serial_fraction;
  if (!std::isfinite(f.value)) return "";
  const bool weak = result.experiment->scaling == Scaling::weak;
  const char* law = weak ? "Gustafson's" : "Amdahl's";
  if (result.fitted.size() == 1) {
    return fmt::format(
        "From layouts of {} alone, {} law would have a serial fraction of {}; one worker count "
        "cannot test the law.",
        counted(static_cast<std::size_t>(result.fitted.front()), "worker"), law, interval(f));
  }
  return fmt::format("{} law fits the layouts within the cores with a serial fraction of {}.", law,
                     interval(f));
}

std::string commands_of(const Study& study, std::size_t experiment) {
  std::string text;
  const std::vector<Configuration> all = configurations(study.plan);
  for (std::size_t i = 0; i < std::min(all.size(), study.commands.size()); ++i) {
    if (all[i].experiment == experiment) text += shell_command(study.commands[i]) + "\n";
  }
  return text;
}

void add_flags(Page& page, const ExperimentResult& result) {
  const std::vector<std::string> lines = flag_lines(result);
  for (const std::string& flag : lines) page.warning(flag);
  if (lines.empty()) {
    page.good(
        "No flag: the digests agree, no other program used the machine, no layout has more workers "
        "than cores, and every layout ran at least three times.");
  }
}

void add_experiment(Page& page, const Study& study, const Results& results, std::size_t number,
                    const std::vector<std::string>& pictures) {
  const ExperimentResult& result = results.experiments[number];
  page.section(result.experiment->name);
  page.paragraph(fmt::format("{}.", in_words(*result.experiment, result.layouts.front())));
  add_flags(page, result);
  const std::vector<Table> all = tables(result);
  constexpr std::size_t kAbovePlots = 2;  // times and speedups
  for (std::size_t i = 0; i < kAbovePlots; ++i) page.table(all[i]);
  if (const std::string fit = fit_in_words(result); !fit.empty()) page.paragraph(fit);
  std::vector<std::pair<std::string, std::string>> drawn;
  for (const Figure& figure : figures(result, results.places)) {
    drawn.emplace_back(pictures[drawn.size()], figure.caption);
  }
  page.figures(drawn);
  for (std::size_t i = kAbovePlots; i < all.size(); ++i) page.table(all[i]);
  page.paragraph("The exact commands (each run also gets a folder of its own with --out):");
  page.code(commands_of(study, number));
}

std::string markdown_flag(std::string_view flag) {
  return fmt::format("- **Flag:** {}\n", markdown_text(flag));
}

// On one line, which is all that keeps LaTeX from reading it.
std::string latex_comment(std::string_view text) {
  return fmt::format("% {}\n", printable(text));
}

std::string method(const Study& study) {
  const char* observed = study.plan.device == "cuda"
                             ? "on one GPU for each rank; --profile, which launches every stage "
                               "alone, is used only where "
                               "layers are shown"
                             : "each run with --profile, which includes the profiler's overhead";
  return fmt::format(
      "Every configuration ran in a process of its own, once in every round, after a warm-up that "
      "is not counted. Times are wall time of the training steps alone, without loading and "
      "evaluation, {}. Speedups compare with the best serial run that came to the same weights; "
      "they "
      "are computed within each round and then averaged (geometric mean; 95 % intervals by "
      "Student's t of the "
      "logarithms). Efficiency is speedup over workers; the Karp-Flatt fraction is the serial part "
      "that would explain the speedup. A speedup of strong scaling is printed only where the "
      "digests of the trained weights agree, because only then is the same work compared. Weak "
      "scaling trains a different model on every layout: its scaled speedup compares images per "
      "second and nothing else.",
      observed);
}

}  // namespace

std::vector<std::string> flag_lines(const ExperimentResult& result) {
  std::vector<std::pair<std::string, std::string>> lines;  // flag, layouts that have it
  for (const LayoutResult& layout : result.layouts) {
    for (const std::string& flag : layout.flags) {
      const auto known =
          std::ranges::find(lines, flag, &std::pair<std::string, std::string>::first);
      if (known == lines.end()) {
        lines.emplace_back(flag, to_string(layout.grid));
      } else {
        known->second += ", " + to_string(layout.grid);
      }
    }
  }
  std::vector<std::string> texts;
  for (const auto& [flag, layouts] : lines) texts.push_back(layouts + ": " + flag);
  return texts;
}

std::string report_page(const Study& study, const Results& results) {
  std::vector<Plot> all;
  std::vector<std::size_t> ends;  // of an experiment's plots among all
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    for (Figure& figure : figures(results.experiments[e], results.places)) {
      all.push_back(std::move(figure.plot));
    }
    ends.push_back(all.size());
  }
  const std::vector<std::string> drawn = draw(all);
  Page page(study.plan.name,
            fmt::format("A scaling study by Convoy {}: {} on {}, {}", study.version,
                        study.plan.model, study.plan.data, study.date));
  page.section("What was done");
  page.paragraph(method(study));
  page.facts(study_facts(study));
  for (const std::string& flag : results.flags) page.warning(flag);
  auto first = drawn.begin();
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    const auto end = drawn.begin() + static_cast<std::ptrdiff_t>(ends[e]);
    add_experiment(page, study, results, e, {first, end});
    first = end;
  }
  page.section("The machine");
  page.facts(machine_facts(study));
  return page.text();
}

std::string markdown(const Study& study, const Results& results) {
  std::string text = fmt::format(
      "# {}\n\n{}\n\n", markdown_text(study.plan.name),
      markdown_text(fmt::format("{} on {}, Convoy {}, {}. {}", study.plan.model, study.plan.data,
                                study.version, study.date, study.machine.facts.cpu)));
  for (const std::string& flag : results.flags) text += markdown_flag(flag);
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    const ExperimentResult& result = results.experiments[e];
    text += fmt::format("\n## {}\n\n", markdown_text(result.experiment->name));
    for (const std::string& flag : flag_lines(result)) text += markdown_flag(flag);
    if (const std::string fit = fit_in_words(result); !fit.empty()) {
      text += fmt::format("\n{}\n", markdown_text(fit));
    }
    for (const Table& table : tables(results.experiments[e])) {
      text += fmt::format("\n{}\n\n{}", markdown_text(table.caption), to_markdown(table));
    }
  }
  return text;
}

std::string latex(const Study& study, const Results& results) {
  std::string text =
      latex_comment(fmt::format("{}: {} on {}, Convoy {}, {}", study.plan.name, study.plan.model,
                                study.plan.data, study.version, study.date)) +
      "% needs \\usepackage{booktabs}\n";
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    for (const std::string& flag : flag_lines(results.experiments[e])) {
      text += latex_comment("flag: " + flag);
    }
    for (const Table& table : tables(results.experiments[e])) text += "\n" + to_latex(table);
  }
  return text;
}

}  // namespace convoy::study
