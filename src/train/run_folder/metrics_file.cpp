// SPDX-License-Identifier: Apache-2.0
// Reads and writes metrics.jsonl of a run folder.
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

#include "train/run_folder.hpp"
#include "train/strict_json.hpp"

namespace convoy {
namespace {

using nlohmann::json;

std::optional<double> optional_number(const json& line, const char* key) {
  if (!line.contains(key)) return std::nullopt;
  return real_or_nan_in(line, key);
}

}  // namespace

std::string metrics_line(const EpochMetrics& metrics) {
  nlohmann::ordered_json line{{"epoch", metrics.epoch}};
  if (metrics.learning_rate) line["learning_rate"] = *metrics.learning_rate;
  line["train_loss"] = metrics.train_loss;
  if (metrics.train_accuracy) line["train_accuracy"] = *metrics.train_accuracy;
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
  EpochMetrics metrics;
  metrics.epoch = whole_in<Index>(line, "epoch", 1);
  metrics.train_loss = real_or_nan_in(line, "train_loss");
  metrics.train_accuracy = optional_number(line, "train_accuracy");
  metrics.learning_rate = optional_number(line, "learning_rate");
  metrics.validation_loss = optional_number(line, "validation_loss");
  metrics.validation_accuracy = optional_number(line, "validation_accuracy");
  metrics.test_loss = real_or_nan_in(line, "test_loss");
  metrics.test_accuracy = real_or_nan_in(line, "test_accuracy");
  metrics.seconds = real_or_nan_in(line, "seconds");
  metrics.images_per_second = real_or_nan_in(line, "images_per_second");
  return metrics;
}

MetricsLines read_metrics(const std::filesystem::path& folder, Index epochs) {
  const std::filesystem::path file = folder / "metrics.jsonl";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return {{}, {}, true};
  const std::string text = read_text(file, "metrics file");
  MetricsLines good;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    if (end == std::string::npos) break;  // an incomplete line
    const std::string line = text.substr(begin, end - begin);
    try {
      const EpochMetrics metrics = parse_metrics_line(line);
      const Index last = good.epochs.empty() ? 0 : good.epochs.back().epoch;
      if (metrics.epoch <= last || metrics.epoch > epochs) continue;
      good.epochs.push_back(metrics);
      good.text += line + "\n";
    } catch (const std::invalid_argument&) {
      continue;
    }
  }
  good.all_of_file = good.text == text;
  return good;
}

std::vector<EpochMetrics> epochs_of_run(const std::filesystem::path& folder) {
  return read_metrics(folder, std::numeric_limits<Index>::max()).epochs;
}

}  // namespace convoy
