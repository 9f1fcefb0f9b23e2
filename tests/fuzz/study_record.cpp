// SPDX-License-Identifier: Apache-2.0
// study.json: a study that was read can be written again, analysed, and shown in tables.
#include <stdexcept>

#include "study/analysis.hpp"
#include "study/record.hpp"
#include "study/report.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace convoy::fuzz {
namespace {

void use(const study::Study& study) {
  const std::string text = study::to_json(study);
  if (study::to_json(study::parse_study(text)) != text) report("another text of the same study");
  const study::Results results = study::analyse(study);
  for (const study::ExperimentResult& result : results.experiments) {
    study::figures(result, results.capacity);
  }
  for (const Table& table : study::csv_tables(results)) to_csv(table);
  for (const TextTarget target : {TextTarget::markdown, TextTarget::terminal}) {
    study::text_report(study, results, target);
  }
  study::latex(study, results);
}

}  // namespace

bool takes(Input input) {
  study::Study study;
  try {
    study = study::parse_study(text_of(input));
  } catch (const std::invalid_argument&) {
    return false;
  }
  use(study);
  return true;
}

}  // namespace convoy::fuzz
