// SPDX-License-Identifier: Apache-2.0
// A study as tables and as a page. The output depends on the study alone: the same study.json gives
// the same bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/plots.hpp"
#include "report/table.hpp"
#include "study/analysis.hpp"

namespace convoy::study {

// Whether all runs of an experiment recorded how their time was spent.
bool is_profiled(const ExperimentResult& result);

// The tables of an experiment: times, speedups, use of time, accuracies, and layers if requested.
std::vector<Table> tables(const ExperimentResult& result);

// The tables of all experiments, for programs: layouts, and layers if requested. Their names are
// file names.
std::vector<Table> csv_tables(const Results& results);

struct Figure {
  Plot plot;
  std::string caption;
};
// The figures of an experiment, in the order of the page.
std::vector<Figure> figures(const ExperimentResult& result, const Capacity& capacity);

// The plots of all experiments.
std::vector<Plot> plots(const Results& results);

// Returns report.html; `drawn` is what draw() made of plots().
std::string report_page(const Study& study, const Results& results,
                        std::span<const std::string> drawn);

// Returns all tables and all flags as one text, or as one document of LaTeX.
std::string text_report(const Study& study, const Results& results, TextTarget target);
std::string latex(const Study& study, const Results& results);

// Lines like "2x1, 2x2: more workers ...", for each flag of a layout of the experiment; flags that
// differ in a number alone share a line.
std::vector<std::string> flag_lines(const ExperimentResult& result);

}  // namespace convoy::study
