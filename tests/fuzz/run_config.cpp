// SPDX-License-Identifier: Apache-2.0
// config.toml of a run folder. A file that is read and written again has to be read as the same.
#include "train/run_config.hpp"

#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  return reads([&] {
    const RunIdentity identity = parse_run_config(text_of(input), "run/config.toml");
    const std::string text = run_config_text(identity);
    if (run_config_text(parse_run_config(text, "run/config.toml")) != text) {
      report("another text of the same run");
    }
  });
}
