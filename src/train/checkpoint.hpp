// SPDX-License-Identifier: Apache-2.0
// A checkpoint is one safetensors file that is enough for eval, predict, resume and a user's
// program: weights under stable names, optimizer state, and as metadata the model file's text, the
// place in the run and the digests. docs/formats.md has the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/version.hpp"
#include "net/model_file.hpp"
#include "runtime/engine.hpp"
#include "train/data_settings.hpp"

namespace convoy {

// Where in the run a checkpoint stands, and what the unfinished epoch has counted.
struct RunPosition {
  Index epoch = 1;       // the one that the next step belongs to, from 1
  Index epoch_step = 0;  // steps done in it
  Index step = 0;        // steps done in the run
  Tally epoch_tally;     // of the unfinished epoch
  double epoch_seconds = 0;
};

struct Checkpoint {
  ModelFile model;
  std::vector<std::string> class_names;
  RunPosition position;
  ModelState state;
  std::string data_sha256;  // of the training data
  std::string weights_sha256;
  std::string state_sha256;
  // What else the run is, so that a checkpoint alone is enough to go on. Empty in those of older
  // versions.
  DataSettings data = {};
  std::string test_sha256 = {};             // of the test data
  std::string initial_weights_sha256 = {};  // where the run began with another's weights
  Index order_version = kOrderVersion;      // of the Convoy that wrote it, as the next
  std::string version = std::string(kVersion);
};

// SHA-256 of the parameters in file order, little-endian FP32.
std::string weights_sha256(const Net& net, const ModelState& state);
// The same, then the velocity in file order (where there is one), then the step count as 8 bytes.
std::string state_sha256(const Net& net, const ModelState& state, Index step);

// Written to a temporary name, synced, renamed, and the folder synced: the file is whole or absent.
// The two digests of the state are computed here; those in `checkpoint` are not read.
void save_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);

// Verifies sizes, names, shapes and digests: what it returns is what was saved. Throws
// UserError(bad_data | not_found), SystemError(io). `path` is a checkpoint, or a run folder (its
// newest good checkpoint).
Checkpoint load_checkpoint(const std::filesystem::path& path);
// The same of a file's bytes; `name` is for messages.
Checkpoint load_checkpoint(std::span<const std::byte> bytes, std::string_view name);

}  // namespace convoy
