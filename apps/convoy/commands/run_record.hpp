// SPDX-License-Identifier: Apache-2.0
// The facts that a report gives about a training run: the content of its folder, and the
// predictions of its best (or last) checkpoint on the test data.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/evaluation.hpp"

namespace convoy::app {

// A test image that the net predicted wrongly. The images are in the order of falling probability.
struct ConfusedImage {
  Index sample = 0, truth = 0, predicted = 0;
  double probability = 0;        // of the predicted, wrong class
  double truth_probability = 0;  // of the right class
  std::string png;
};

struct RunRecord {
  // `choice` says which checkpoint is tested: "", "best", "last". Throws UserError if the folder is
  // no run, SystemError.
  RunRecord(std::filesystem::path run_folder, const std::string& choice, bool quiet);

  std::filesystem::path folder;
  std::string name;  // from choose_names(); differs from the names of the other runs
  FoundRun config;
  RunPosition position;  // of the newest checkpoint, like weights_sha256
  std::string weights_sha256;
  std::string average_sha256;  // empty where the model has no average
  FoundCheckpoint tested;      // the chosen one; evaluate() removes its weights
  std::vector<EpochMetrics> epochs;

  std::string data;                  // name of the data that it was tested on here
  std::optional<TestResult> result;  // empty: `why_not` has the reason
  std::string why_not;
  bool other_test_data = false;  // whether it differs from the test data of the training
  std::vector<ConfusedImage> confused;
  // The probabilities of all test images would take more than 256 MiB: `confused` is empty.
  bool too_many_probabilities = false;

  Index epochs_wanted() const { return config.model.train.epochs; }
  Index epochs_done() const { return position.epoch - 1; }
  bool is_done() const { return epochs_done() >= epochs_wanted(); }
  double seconds() const;  // of training, including the unfinished epoch
};

// Test data by name or folder, as a model and the settings of a run read them. Each is read once.
class TestData {
 public:
  // `cache`: the folder of decoded pictures, as of --cache.
  TestData(bool quiet, std::string cache) : quiet_(quiet) { pictures_.cache = std::move(cache); }

  const TrainAndTest& of(const std::string& name, const ModelFile& model,
                         const DataSettings& settings);

 private:
  bool quiet_;
  PictureOptions pictures_;
  // By the name, and what of the two decides how data are read.
  std::map<std::string, TrainAndTest> loaded_;
};

// Names each run by the last part of its path, or by the whole path if the last parts are not
// unique.
void choose_names(std::vector<RunRecord>& runs);

// Evaluates the tested checkpoint on the test data `name`, or, if that is empty, on the data that
// the run was trained on; it is then no error if that data is not found. Removes the checkpoint's
// weights.
void evaluate(RunRecord& run, TestData& data, const std::string& name);

}  // namespace convoy::app
