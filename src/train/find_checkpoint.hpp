// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run folder: which there are, and which one to take. Reading needs no lock: a
// run that goes on meanwhile does no harm.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/checkpoint.hpp"

namespace convoy {

struct FoundCheckpoint {
  std::filesystem::path file;
  Checkpoint checkpoint;
  std::vector<std::string> damaged;     // better ones that were passed over, each with why
  std::vector<std::string> unreadable;  // such that may be good, but could not be read just now
  std::vector<std::filesystem::path> damaged_files;
  bool is_best = false;  // of the best epoch by validation
};

// The newest that is good. Links that lead nowhere, folders and damaged files are passed over; so
// is what can't be read, after a second try. Throws UserError(not_found) where `folder` is no run,
// UserError(bad_data) where none is good, SystemError(io) where none is and some could not be read.
FoundCheckpoint newest_checkpoint(const std::filesystem::path& folder);

enum class CheckpointChoice {
  best_or_last,  // the best by validation where there is a good one, else the newest
  best,
  last,
};

// What `path` stands for: a checkpoint file is itself, whatever the choice; of a run folder the one
// that is chosen. Throws as newest_checkpoint(), and UserError(not_found) where the best is asked
// for and the run has none.
FoundCheckpoint find_checkpoint(const std::filesystem::path& path,
                                CheckpointChoice choice = CheckpointChoice::best_or_last);

// Of a run folder:
std::filesystem::path checkpoints_of(const std::filesystem::path& folder);
std::filesystem::path best_checkpoint_of(const std::filesystem::path& folder);
std::string step_name(Index step);                 // "step-NNNNNNNNNN.safetensors"
Index step_of(const std::filesystem::path& file);  // of such a name; -1 of any other

// An entry with such a name, which need not be a file.
struct StepEntry {
  std::filesystem::path path;
  Index step = 0;
};
std::vector<StepEntry> step_entries(const std::filesystem::path& folder);  // the newest first

// Throws UserError(not_found) where `folder` has no checkpoints.
void check_is_run(const std::filesystem::path& folder);

}  // namespace convoy
