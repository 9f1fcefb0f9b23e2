// SPDX-License-Identifier: Apache-2.0
// What a run of convoy train said, as a record.
#include <fmt/format.h>

#include <limits>
#include <stdexcept>

#include "convoy/plan/stage_names.hpp"
#include "convoy/study/record_json.hpp"
#include "convoy/train/strict_json.hpp"

namespace convoy::study {
namespace {

// JSON has no NaN: null.
double number(const nlohmann::json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

void take_profile(RunRecord& run, const nlohmann::json& profile) {
  run.steps = profile.at("steps");
  run.profile_seconds = profile.at("seconds");
  run.working = 0;
  for (const auto& worker : profile.at("workers")) {
    const TimeShares one = shares_of(worker);
    run.shares += one;
    run.working += one.compute > 0;
  }
  run.shares = run.shares / static_cast<double>(profile.at("workers").size());
  run.bytes_sent = profile.at("bytes_sent");
  for (const auto& bytes : profile.at("peak_memory_bytes")) {
    run.peak_memory_bytes += bytes.get<std::int64_t>();
  }
  for (const auto& layer : profile.at("layers")) {
    run.layers.push_back({joined_name(layer.at("layers").get<std::vector<std::string>>()),
                          layer.at("pass"), layer.at("seconds"), kernels_of(layer)});
  }
}

// What is known of a GPU that trained as it trains, unobserved, from its first epoch to its last.
void take_no_profile(RunRecord& run, const nlohmann::json& j) {
  const std::int64_t steps_of_epoch = (run.samples + run.batch - 1) / run.batch;
  run.steps = steps_of_epoch * static_cast<std::int64_t>(run.epochs.size());
  run.working = run.ranks;
  run.peak_memory_bytes = j.at("peak_memory_bytes");
}

RunRecord from_train_document(const nlohmann::json& j) {
  if (j.at("schema") != "convoy.train/1") throw std::invalid_argument("it is not convoy.train/1");
  if (j.at("status") != "done") {
    throw std::invalid_argument(fmt::format("its status is {}", j.at("status").dump()));
  }
  RunRecord run;
  run.train_seconds = j.at("train_seconds");
  run.samples = j.at("samples");
  run.batch = j.at("batch");
  run.ranks = j.at("ranks");
  run.threads = j.at("threads");
  run.contract = j.at("contract");
  run.isa = j.at("isa");
  run.weights_sha256 = j.at("weights_sha256");
  run.cpu = j.at("machine").at("cpu");
  for (const auto& epoch : j.at("epochs")) run.epochs.push_back(epoch_of(epoch));
  const bool gpu = j.at("device") == "cuda";
  if (gpu) run.launches_per_step = j.at("launches_per_step");
  if (gpu && !j.contains("profile")) {
    take_no_profile(run, j);
  } else {
    take_profile(run, j.at("profile"));
  }
  return run;
}

}  // namespace

TimeShares shares_of(const nlohmann::json& j) {
  TimeShares shares;
  for (const TimePart& part : kTimeParts) shares.*part.seconds = j.at(part.name);
  return shares;
}

EpochRecord epoch_of(const nlohmann::json& j) {
  return {number(j.at("train_loss")), number(j.at("test_loss")), number(j.at("test_accuracy")),
          j.at("seconds")};
}

std::optional<KernelRecord> kernels_of(const nlohmann::json& j) {
  if (!j.contains("launches")) return std::nullopt;
  KernelRecord kernels;
  for (const KernelPart& part : kKernelParts) kernels.*part.value = j.at(part.name);
  return kernels;
}

RunRecord run_record(std::string_view train_document) {
  return reading([&] { return from_train_document(parse_strict_json(train_document)); });
}

}  // namespace convoy::study
