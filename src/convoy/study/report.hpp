// SPDX-License-Identifier: Apache-2.0
// A study as tables and as a page. All of it is a function of the study alone: the same study.json
// gives the same bytes.
#pragma once

#include <string>
#include <vector>

#include "convoy/report/plots.hpp"
#include "convoy/report/table.hpp"
#include "convoy/study/analysis.hpp"

namespace convoy::study {

// For each experiment: times and speedups, where the time goes, accuracies, and layers where asked
// for. Their names are unique in the study, and names of files.
std::vector<Table> tables(const Results& results);

struct Figure {
  Plot plot;
  std::string caption;
};
// Of an experiment, in the order of the page.
std::vector<Figure> figures(const Results& results, std::size_t experiment);

// report.html. Throws like require_gnuplot().
std::string report_page(const Study& study, const Results& results);

// All tables, and all flags, as one document of Markdown or LaTeX.
std::string markdown(const Study& study, const Results& results);
std::string latex(const Study& study, const Results& results);

// "2x1: more workers ...", for each flag of an experiment's layouts.
std::vector<std::string> flag_lines(const ExperimentResult& result);

}  // namespace convoy::study
