// SPDX-License-Identifier: Apache-2.0
// A study file, and the command lines that the study makes of it.
#include "study/plan.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  return reads([&] {
    study::is_plan(text_of(input), "input");
    const study::StudyPlan plan = study::parse_plan(text_of(input), "input");
    for (const study::Configuration& which : study::shuffled_round(plan, 1)) {
      if (study::train_words(plan, which).empty()) report("no command");
      study::launcher_words(plan, which);
    }
  });
}
