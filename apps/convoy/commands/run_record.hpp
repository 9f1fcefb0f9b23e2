// SPDX-License-Identifier: Apache-2.0
// What a report tells of a training run: what its folder holds, and what its best checkpoint (or
// its last) makes of the test data.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "commands/evaluation.hpp"

namespace convoy::app {

// Test images that the net took for what they are not, the surest first.
struct ConfusedImage {
  Index sample = 0, truth = 0, predicted = 0;
  double probability = 0;        // of the wrong class
  double truth_probability = 0;  // of the right one
  std::string png;
};

struct RunRecord {
  // `choice`: of the checkpoint that is tested: "", "best", "last". Throws UserError where it is no
  // run, SystemError.
  RunRecord(std::filesystem::path run_folder, const std::string& choice, bool quiet);

  std::filesystem::path folder;
  std::string name;  // from choose_names(): differs from those of the other runs
  RunConfig config;
  RunPosition position;  // of the newest checkpoint, as the next
  std::string weights_sha256;
  FoundCheckpoint tested;  // the one that was chosen; without its weights in the end
  std::vector<EpochMetrics> epochs;

  std::string data;                  // name of what it was tested on here
  std::optional<TestResult> result;  // empty: `why_not`
  std::string why_not;
  bool other_test_data = false;  // not what it was tested on when it was trained
  std::vector<ConfusedImage> confused;

  Index epochs_wanted() const { return config.model.train.epochs; }
  Index epochs_done() const { return position.epoch - 1; }
  bool is_done() const { return epochs_done() >= epochs_wanted(); }
  double seconds() const;  // of training, the unfinished epoch's included
};

// Test data by name or folder, each read once.
class TestData {
 public:
  const TrainAndTest& operator[](const std::string& name);

 private:
  std::map<std::string, TrainAndTest> loaded_;
};

// Each run's last part of the path, or the whole path where that would not tell them apart.
void choose_names(std::vector<RunRecord>& runs);

// Fills in what the tested checkpoint, which is left without its weights, makes of the test data:
// `name`, or, where that is empty, what the run was trained on; data that is not found is then no
// error.
void evaluate(RunRecord& run, TestData& data, const std::string& name);

}  // namespace convoy::app
