// SPDX-License-Identifier: Apache-2.0
// Reads the output of a run of convoy train as a record.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "plan/stage_names.hpp"
#include "study/record/json.hpp"

namespace convoy::study {
namespace {

// Adds counts of the parts of a run.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  if (a > kMostOfJson - b) throw std::invalid_argument("the sum of its counts is out of range");
  return a + b;
}

void take_profile(RunRecord& run, const nlohmann::json& profile) {
  run.steps = whole_in<std::int64_t>(profile, "steps", 1);
  run.profile_seconds = real_in(profile, "seconds");
  run.working = 0;
  const nlohmann::json& workers = array_in(profile, "workers");
  for (const auto& worker : workers) {
    const TimeShares one = shares_of(worker);
    run.shares += one;
    run.working += one.compute > 0;
  }
  run.shares = run.shares / static_cast<double>(std::max<std::size_t>(workers.size(), 1));
  run.bytes_sent = whole_in<std::int64_t>(profile, "bytes_sent");
  for (const auto& bytes : array_in(profile, "peak_memory_bytes")) {
    run.peak_memory_bytes =
        sum(run.peak_memory_bytes, whole_of(bytes, "peak_memory_bytes", 0, kMostOfJson));
  }
  for (const auto& layer : array_in(profile, "layers")) {
    run.layers.push_back({joined_name(texts_in(layer, "layers")), text_in(layer, "pass"),
                          real_in(layer, "seconds"), kernels_of(layer)});
  }
}

// Takes the facts about a GPU run without a profile, from its first epoch to its last.
void take_no_profile(RunRecord& run, const nlohmann::json& j) {
  const std::int64_t steps_of_epoch = (run.samples + run.batch - 1) / run.batch;
  for (std::size_t e = 0; e < run.epochs.size(); ++e) run.steps = sum(run.steps, steps_of_epoch);
  run.working = run.ranks;
  run.peak_memory_bytes = whole_in<std::int64_t>(j, "peak_memory_bytes");
}

RunRecord from_train_document(const nlohmann::json& j) {
  if (text_in(j, "schema") != "convoy.train/2") {
    throw std::invalid_argument("it is not convoy.train/2");
  }
  if (text_in(j, "status") != "done") {
    throw std::invalid_argument(fmt::format("its status is {}", text_in(j, "status")));
  }
  RunRecord run;
  run.train_seconds = real_in(j, "train_seconds");
  run.samples = whole_in<std::int64_t>(j, "samples", 1);
  run.batch = whole_in<std::int64_t>(j, "batch", 1);
  run.ranks = whole_in<int>(j, "ranks", 1, kMostWorkers);
  run.threads = whole_in<int>(j, "threads", 1, kMostWorkers);
  run.contract = flag_in(j, "contract");
  run.isa = text_in(j, "isa");
  run.weights_sha256 = text_in(j, "weights_sha256");
  run.cpu = text_in(member(j, "machine"), "cpu");
  for (const auto& epoch : array_in(j, "epochs")) run.epochs.push_back(epoch_of(epoch));
  const bool gpu = text_in(j, "device") == "cuda";
  if (gpu) run.launches_per_step = real_in(j, "launches_per_step");
  if (gpu && !j.contains("profile")) {
    take_no_profile(run, j);
  } else {
    take_profile(run, member(j, "profile"));
  }
  return run;
}

}  // namespace

TimeShares shares_of(const nlohmann::json& j) {
  TimeShares shares;
  for (const TimePart& part : kTimeParts) shares.*part.seconds = real_in(j, part.name);
  return shares;
}

EpochRecord epoch_of(const nlohmann::json& j) {
  return {real_or_nan_in(j, "train_loss"), real_or_nan_in(j, "test_loss"),
          real_or_nan_in(j, "test_accuracy"), real_in(j, "seconds")};
}

std::optional<KernelRecord> kernels_of(const nlohmann::json& j) {
  if (!j.contains("launches")) return std::nullopt;
  KernelRecord kernels;
  for (const KernelPart& part : kKernelParts) {
    kernels.*part.value = whole_in<std::int64_t>(j, part.name);
  }
  return kernels;
}

RunRecord run_record(std::string_view train_document) {
  return from_train_document(parse_strict_json(train_document));
}

}  // namespace convoy::study
