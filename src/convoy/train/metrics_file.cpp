// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl of a run folder.
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

#include "convoy/train/run_folder.hpp"
#include "convoy/train/strict_json.hpp"

namespace convoy {
namespace {

using nlohmann::json;

// JSON has no word for what is not finite: it is written as null.
double number(const json& line, const char* key) {
  const json& value = line.at(key);
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

std::optional<double> optional_number(const json& line, const char* key) {
  if (!line.contains(key)) return std::nullopt;
  return number(line, key);
}

}  // namespace

std::string metrics_line(const EpochMetrics& metrics) {
  nlohmann::ordered_json line{{"epoch", metrics.epoch}, {"train_loss", metrics.train_loss}};
  if (metrics.validation_loss) line["validation_loss"] = *metrics.validation_loss;
  if (metrics.validation_accuracy) line["validation_accuracy"] = *metrics.validation_accuracy;
  line["test_loss"] = metrics.test_loss;
  line["test_accuracy"] = metrics.test_accuracy;
  line["seconds"] = metrics.seconds;
  line["images_per_second"] = metrics.images_per_second;
  return line.dump();
}

EpochMetrics parse_metrics_line(std::string_view text) {
  const json line = parse_strict_json(text);
  try {
    EpochMetrics metrics;
    metrics.epoch = line.at("epoch").get<Index>();
    metrics.train_loss = number(line, "train_loss");
    metrics.validation_loss = optional_number(line, "validation_loss");
    metrics.validation_accuracy = optional_number(line, "validation_accuracy");
    metrics.test_loss = number(line, "test_loss");
    metrics.test_accuracy = number(line, "test_accuracy");
    metrics.seconds = number(line, "seconds");
    metrics.images_per_second = number(line, "images_per_second");
    return metrics;
  } catch (const json::exception& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace convoy
