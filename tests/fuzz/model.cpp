// SPDX-License-Identifier: Apache-2.0
// A model file and, each behind a NUL, overrides of the command line. Its normalised text has to
// give the same model, and a net that is accepted a plan.
#include <string>
#include <vector>

#include "net/model_file.hpp"
#include "plan/plan.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  std::vector<std::string> parts{""};
  for (const char c : text_of(input)) {
    if (c == '\0') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  const std::vector<Override> overrides(parts.begin() + 1, parts.end());
  return reads([&] {
    const ModelFile model = parse_model_file(parts.front(), "input", overrides);
    if (parse_model_file(model.text, "normalised").text != model.text)
      report("another normalised text");
    for (const Fusion fusion : {Fusion::none, Fusion::layers}) {
      const Plan plan(model.net, fusion);
      if (plan.workspace_floats() < 0 || plan.scratch_floats() < 0) report("a size below 0");
    }
  });
}
