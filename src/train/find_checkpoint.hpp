// SPDX-License-Identifier: Apache-2.0
// Finds the checkpoints of a run folder, and chooses one. Reading needs no lock: the run may
// continue meanwhile.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/checkpoint.hpp"

namespace convoy {

struct FoundCheckpoint {
  std::filesystem::path file;
  Checkpoint checkpoint;
  std::vector<std::string> damaged;     // better ones that were skipped, each with the reason
  std::vector<std::string> unreadable;  // ones that may be good, but could not be read
  std::vector<std::filesystem::path> damaged_files;
  bool is_best = false;  // whether it is that of the best epoch by validation
};

// Finds the newest good checkpoint. It skips links that lead nowhere, folders and damaged files,
// and files that cannot be read after a second try. Throws UserError(not_found) if `folder` is not
// a run, SystemError(io) if none is good and some could not be read, UserError(bad_data) if none is
// good.
FoundCheckpoint newest_checkpoint(const std::filesystem::path& folder);

enum class CheckpointChoice {
  best_or_last,  // the best by validation if it is good, else the newest
  best,
  last,
};

// Finds the checkpoint for `path`: a checkpoint file stands for itself, whatever the choice; in a
// run folder `choice` decides. Throws the errors of newest_checkpoint(), and UserError(not_found)
// if the best is requested and the run has none.
FoundCheckpoint find_checkpoint(const std::filesystem::path& path,
                                CheckpointChoice choice = CheckpointChoice::best_or_last);

// The folder of a run folder's checkpoints.
std::filesystem::path checkpoints_of(const std::filesystem::path& folder);
std::filesystem::path best_checkpoint_of(const std::filesystem::path& folder);
std::string step_name(Index step);                 // "step-NNNNNNNNNN.safetensors"
Index step_of(const std::filesystem::path& file);  // the step in such a name; -1 for any other name

// An entry with such a name; it need not be a file.
struct StepEntry {
  std::filesystem::path path;
  Index step = 0;
};
std::vector<StepEntry> step_entries(const std::filesystem::path& folder);  // the newest first

// Throws UserError(not_found) where `folder` has no checkpoints.
void check_is_run(const std::filesystem::path& folder);

}  // namespace convoy
