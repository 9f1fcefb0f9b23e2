// SPDX-License-Identifier: Apache-2.0
// A study as tables and as a page. All of it is a function of the study alone: the same study.json
// gives the same bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/plots.hpp"
#include "report/table.hpp"
#include "study/analysis.hpp"

namespace convoy::study {

// Whether all runs of an experiment say where their time went.
bool is_profiled(const ExperimentResult& result);

// Of an experiment: times, speedups, where the time goes, accuracies, and layers where asked for.
std::vector<Table> tables(const ExperimentResult& result);

// Of all experiments, for programs: layouts, and layers where asked for. Their names are file
// names.
std::vector<Table> csv_tables(const Results& results);

struct Figure {
  Plot plot;
  std::string caption;
};
// Of an experiment, in the order of the page.
std::vector<Figure> figures(const ExperimentResult& result, const Places& places);

// Those of all experiments.
std::vector<Plot> plots(const Results& results);

// report.html; `drawn` is what draw() made of plots().
std::string report_page(const Study& study, const Results& results,
                        std::span<const std::string> drawn);

// All tables, and all flags, as one document of Markdown or LaTeX.
std::string markdown(const Study& study, const Results& results);
std::string latex(const Study& study, const Results& results);

// "2x1, 2x2: more workers ...", for each flag that a layout of the experiment has; those that
// differ in a number alone are one line.
std::vector<std::string> flag_lines(const ExperimentResult& result);

}  // namespace convoy::study
