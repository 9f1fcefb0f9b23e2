// SPDX-License-Identifier: Apache-2.0
// A checkpoint is one safetensors file that is enough for eval, predict, resume and a user's
// program: weights under stable names, optimizer state, and as metadata the model file's text, the
// place in the run and the digests. docs/formats.md has the bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "convoy/engine/engine.hpp"
#include "convoy/net/model_file.hpp"

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
  Model model;
  std::vector<std::string> class_names;
  RunPosition position;
  ModelState state;
  std::string data_sha256;  // of the training data
  std::string weights_sha256;
  std::string state_sha256;
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

}  // namespace convoy
