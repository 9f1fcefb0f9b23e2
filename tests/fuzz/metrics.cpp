// SPDX-License-Identifier: Apache-2.0
// A line of metrics.jsonl. A line that is read and written again has to be read as the same.
#include <stdexcept>

#include "tests/fuzz/fuzz.hpp"
#include "train/run_folder.hpp"

bool convoy::fuzz::takes(Input input) {
  EpochMetrics metrics;
  try {
    metrics = parse_metrics_line(text_of(input));
  } catch (const std::invalid_argument&) {
    return false;
  }
  const std::string line = metrics_line(metrics);
  if (metrics_line(parse_metrics_line(line)) != line) report("another line of the same epoch");
  return true;
}
