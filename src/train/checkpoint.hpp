// SPDX-License-Identifier: Apache-2.0
// A checkpoint is one safetensors file that is sufficient for eval, predict, resume and a user's
// program: weights under stable names, optimizer state, the average of the weights where there is
// one, and as metadata the model file's text, the position in the run and the digests.
// docs/formats.md describes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/version.hpp"
#include "net/model_file.hpp"
#include "runtime/engine.hpp"
#include "train/data_settings.hpp"

namespace convoy {

// The position of a checkpoint in the run, and the sums of the unfinished epoch.
struct RunPosition {
  Index epoch = 1;         // epoch of the next step, from 1
  Index epoch_step = 0;    // steps done in that epoch
  Index step = 0;          // steps done in the run
  StepMetrics epoch_sums;  // over the steps done in that epoch
  double epoch_seconds = 0;
};

struct Checkpoint {
  ModelFile model;
  std::vector<std::string> class_names;  // at most as many as the model has outputs
  RunPosition position;
  ModelState state;
  std::string data_sha256;  // of the training data
  std::string weights_sha256;
  std::string state_sha256;
  // The rest of the run's identity, so that a checkpoint alone is enough to continue. The file
  // lacks the settings and the test data's digest where the data have no name.
  DataSettings data = {};
  std::string test_sha256 = {};             // of the test data
  std::string initial_weights_sha256 = {};  // if the run began with given weights
  Index order_version = kOrderVersion;      // of the Convoy that wrote it, like `version`
  std::string version = std::string(kVersion);
  std::string average_sha256 = {};  // empty where the model has no average
};

// SHA-256 of the parameters in file order, little-endian FP32.
std::string weights_sha256(const Net& net, const ModelState& state);
// The same of the average of the weights; empty where the model has none.
std::string average_sha256(const ModelFile& model, const ModelState& state);
// The bytes of weights_sha256(), then each slot of the optimizer in file order, then the average
// where there is one, then the step count as 8 bytes.
std::string state_sha256(const Net& net, const ModelState& state, Index step);

// The copy of the weights that evaluations read, as the model says (`trained` where it has no
// average); its values and its digest.
WeightsCopy evaluated_copy(const Checkpoint& checkpoint);
const Buffer<float>& evaluated_weights(const Checkpoint& checkpoint);
const std::string& evaluated_sha256(const Checkpoint& checkpoint);
// Replaces the model's choice of that copy, if another is given. `name` is that of the checkpoint.
// Throws UserError(usage) where the average is asked for and there is none.
void choose_weights(Checkpoint& checkpoint, std::optional<WeightsCopy> copy, std::string_view name);

// Writes the file by replace_file(): it is complete or absent. The digests of the state are
// computed here; those in `checkpoint` are not read.
void save_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);

// Verifies sizes, names, shapes and digests, so the result equals what was saved. Throws
// UserError(bad_data | not_found), SystemError(io). `path` is a checkpoint, or a run folder (then
// its newest good checkpoint is read).
Checkpoint load_checkpoint(const std::filesystem::path& path);
// The same for the bytes of a file; `name` is for messages.
Checkpoint load_checkpoint(std::span<const std::byte> bytes, std::string_view name);

}  // namespace convoy
