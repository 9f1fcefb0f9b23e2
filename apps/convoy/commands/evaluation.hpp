// SPDX-License-Identifier: Apache-2.0
// Evaluates a checkpoint on a test set, for several commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.hpp"
#include "report/confusion.hpp"

namespace convoy::app {

struct TestResult {
  double accuracy = 0, loss = 0;
  double top_k_accuracy = 0;  // if requested
  Confusion confusion;
  std::vector<std::uint16_t> predictions;  // [samples]
  std::vector<float> probabilities;        // [samples][classes], if requested
  std::vector<std::string> warnings;       // of the engine
};

// The test images, with the labels of the classes that the checkpoint names. Throws
// UserError(bad_data) if there are none, or if the data have classes that the model lacks.
Dataset test_images(const Checkpoint& checkpoint, const TrainAndTest& data);
// Of other data than the model was trained on. Where they have no test images, all of their images
// are tested, which a line says; but not if they are just the training images.
Dataset other_test_images(const Checkpoint& checkpoint, const TrainAndTest& data);

// `images` are those of one of the two functions above; `data_name` is for messages. Throws
// UserError if images, model and layout do not fit each other. `top_k`: how many of the most
// probable classes count for top_k_accuracy; 0: it is not computed.
TestResult test(const Checkpoint& checkpoint, const Dataset& images, std::string_view data_name,
                const Layout& layout, bool with_probabilities = false, Index top_k = 0);

// `before`, then "average of the weights" or "trained weights", then `after`; empty where the model
// has no average.
std::string copy_in_words(const TrainSettings& train, WeightsCopy copy, std::string_view before,
                          std::string_view after);

// The names of the classes; a class without a name gets its number.
std::vector<std::string> class_names(const Checkpoint& checkpoint);

}  // namespace convoy::app
