// SPDX-License-Identifier: Apache-2.0
#include "study/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/safe_text.hpp"
#include "report/metrics.hpp"
#include "report/page.hpp"
#include "study/words.hpp"

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
      {"Model", fmt::format("{}: {} parameters, {} FLOP per image", plan.model,
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

std::string what_it_does(const ExperimentResult& result) {
  return fmt::format("{}.", in_words(*result.experiment, result.layouts.front()));
}

// The result of the fitted law; empty if there are no points. One number of workers is no fit.
std::string fit_in_words(const ExperimentResult& result) {
  const Estimate& f = result.serial_fraction;
  if (result.fitted.empty()) return "";
  const bool weak = result.experiment->scaling == Scaling::weak;
  const char* law = weak ? "Gustafson's" : "Amdahl's";
  if (!std::isfinite(f.value)) {
    return fmt::format(
        "{} law does not describe the layouts within the cores: the serial fraction of the best "
        "fit is not from 0 to 1, so none is given.",
        law);
  }
  if (result.fitted.size() == 1) {
    return fmt::format(
        "From layouts with {} alone, the serial fraction of {} law is {}; one worker count cannot "
        "test the law.",
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
        "No flags: the digests agree, no other program used the machine, no layout has more "
        "workers than cores, and every layout ran at least three times.");
  }
}

// Adds an experiment. The first of the pictures are its own; returns how many of them.
std::size_t add_experiment(Page& page, const Study& study, const Results& results,
                           std::size_t number, std::span<const std::string> pictures) {
  const ExperimentResult& result = results.experiments[number];
  page.section(result.experiment->name);
  page.paragraph(what_it_does(result));
  add_flags(page, result);
  const std::vector<Table> all = tables(result);
  constexpr std::size_t kAbovePlots = 2;  // times and speedups
  for (std::size_t i = 0; i < kAbovePlots; ++i) page.table(all[i]);
  if (const std::string fit = fit_in_words(result); !fit.empty()) page.paragraph(fit);
  std::vector<std::pair<std::string, std::string>> drawn;
  for (const Figure& figure : figures(result, results.capacity)) {
    drawn.emplace_back(pictures[drawn.size()], figure.caption);
  }
  page.figures(drawn);
  for (std::size_t i = kAbovePlots; i < all.size(); ++i) page.table(all[i]);
  page.paragraph("The exact commands (each run also gets its own folder with --out):");
  page.code(commands_of(study, number));
  return drawn.size();
}

// A text of blocks, each on one line, between blank lines.
class Writer {
 public:
  explicit Writer(TextTarget target) : target_(target) {}

  void title(std::string_view text) { heading(text, "# ", '='); }
  void section(std::string_view text) { heading(text, "## ", '-'); }
  void paragraph(std::string_view text) { block(literal_text(text, target_) + "\n"); }
  // Flags follow each other without blank lines.
  void flags(const std::vector<std::string>& texts) {
    const char* mark = target_ == TextTarget::markdown ? "- **Flag:** " : "Flag: ";
    std::string lines;
    for (const std::string& text : texts) lines += mark + literal_text(text, target_) + "\n";
    if (!lines.empty()) block(lines);
  }
  void table(const Table& table) {
    paragraph(table.caption);
    block(to_text(table, target_));
  }
  const std::string& text() const { return text_; }

 private:
  // Headings are marked in Markdown, and underlined on a terminal.
  void heading(std::string_view text, std::string_view mark, char line) {
    const std::string literal = literal_text(text, target_);
    block(target_ == TextTarget::markdown
              ? fmt::format("{}{}\n", mark, literal)
              : fmt::format("{}\n{}\n", literal, std::string(characters(literal), line)));
  }
  void block(std::string_view lines) {
    if (!text_.empty()) text_ += '\n';
    text_ += lines;
  }

  TextTarget target_;
  std::string text_;
};

// A LaTeX comment, on one line, because a line end would end the comment.
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
      "evaluation, {}. Speedups compare with the best serial run that reached the same weights; "
      "they are computed within each round and then averaged (geometric mean; 95 % intervals by "
      "Student's t of the logarithms). Efficiency is the speedup divided by the number of workers; "
      "the Karp-Flatt fraction is the serial part that would explain the speedup. A speedup of "
      "strong scaling is printed only where the digests of the trained weights agree, because only "
      "then is the same work compared. Weak scaling trains a different model on every layout: its "
      "scaled speedup compares images per second and nothing else.",
      observed);
}

}  // namespace

namespace {

// One line: what similar flags of several layouts have in common, and what differs between them.
struct FlagLine {
  std::string common, alone;  // `alone`: the text if one layout has the flag, with one detail
  std::vector<std::pair<std::string, std::vector<std::string>>> layouts;  // and their details

  std::string text() const {
    if (layouts.size() == 1 && layouts.front().second.size() <= 1) {
      return fmt::format("{}: {}", layouts.front().first, alone);
    }
    std::vector<std::string> named;
    for (const auto& [layout, details] : layouts) {
      named.push_back(details.empty() ? layout
                                      : fmt::format("{} ({})", layout, fmt::join(details, ", ")));
    }
    return fmt::format("{}: {}", fmt::join(named, ", "), common);
  }
};

void add(std::vector<FlagLine>& lines, const std::string& layout, const Flag& flag) {
  const std::string& common = flag.common.empty() ? flag.text : flag.common;
  auto line = std::ranges::find(lines, common, &FlagLine::common);
  if (line == lines.end()) line = lines.insert(line, {common, flag.text, {}});
  if (line->layouts.empty() || line->layouts.back().first != layout) {
    line->layouts.push_back({layout, {}});
  }
  if (!flag.detail.empty()) line->layouts.back().second.push_back(flag.detail);
}

}  // namespace

std::vector<std::string> flag_lines(const ExperimentResult& result) {
  std::vector<FlagLine> lines;
  const bool own_serial = result.serial == result.experiment->name;
  for (const LayoutResult& layout : result.layouts) {
    for (const Flag& flag : layout.flags) {
      // For this flag the serial layout has a line of its own.
      if (!(flag.is_about_serial && own_serial)) add(lines, to_string(layout.grid), flag);
    }
  }
  std::vector<std::string> texts;
  for (const FlagLine& line : lines) texts.push_back(line.text());
  return texts;
}

std::vector<Plot> plots(const Results& results) {
  std::vector<Plot> all;
  for (const ExperimentResult& result : results.experiments) {
    for (Figure& figure : figures(result, results.capacity)) all.push_back(std::move(figure.plot));
  }
  return all;
}

std::string report_page(const Study& study, const Results& results,
                        std::span<const std::string> drawn) {
  Page page(study.plan.name,
            fmt::format("A scaling study by Convoy {}: {} on {}, {}", study.version,
                        study.plan.model, study.plan.data, study.date));
  page.section("Method");
  page.paragraph(method(study));
  page.facts(study_facts(study));
  for (const std::string& flag : results.flags) page.warning(flag);
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    drawn = drawn.subspan(add_experiment(page, study, results, e, drawn));
  }
  page.section("The machine");
  page.facts(machine_facts(study));
  return page.text();
}

std::string text_report(const Study& study, const Results& results, TextTarget target) {
  Writer writer(target);
  writer.title(study.plan.name);
  writer.paragraph(fmt::format("{} on {}, Convoy {}, {}. {}", study.plan.model, study.plan.data,
                               study.version, study.date, study.machine.facts.cpu));
  writer.flags(results.flags);
  for (const ExperimentResult& result : results.experiments) {
    writer.section(result.experiment->name);
    writer.paragraph(what_it_does(result));
    writer.flags(flag_lines(result));
    if (const std::string fit = fit_in_words(result); !fit.empty()) writer.paragraph(fit);
    for (const Table& table : tables(result)) writer.table(table);
  }
  return writer.text();
}

std::string latex(const Study& study, const Results& results) {
  std::string text =
      latex_comment(fmt::format("{}: {} on {}, Convoy {}, {}", study.plan.name, study.plan.model,
                                study.plan.data, study.version, study.date)) +
      "% needs \\usepackage{booktabs,graphicx,siunitx}\n";
  for (std::size_t e = 0; e < results.experiments.size(); ++e) {
    for (const std::string& flag : flag_lines(results.experiments[e])) {
      text += latex_comment("flag: " + flag);
    }
    text += latex_comment(what_it_does(results.experiments[e]));
    for (Table& table : tables(results.experiments[e])) {
      // A floating table may leave its heading, so the caption names the experiment.
      table.caption = fmt::format("{}. {}", results.experiments[e].experiment->name, table.caption);
      text += "\n" + to_latex(table);
    }
  }
  return text;
}

}  // namespace convoy::study
