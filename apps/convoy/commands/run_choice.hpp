// SPDX-License-Identifier: Apache-2.0
// Determines the run from the command line of convoy train.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "commands/train_options.hpp"

namespace convoy::app {

// The run: a new one, or the rest of the one in `folder`.
struct Run {
  ModelFile model;
  DataSettings data;
  std::filesystem::path folder;  // for a new run without --out: the name that it gets
  bool resumed = false;
  Taken taken = Taken::refused;      // for a new run
  std::string initial_weights = {};  // for a new run: the checkpoint that it begins with, or ""
  std::vector<std::string> warnings = {};
};

// Reads the file system, and changes nothing in it. `ranks` is the number of ranks of the job, by
// which --per-rank-batch is multiplied. Throws UserError.
Run choose_run(const CLI::App& command, const TrainOptions& options, int ranks);

// The same; rank 0 decides, and sends its decision (except the warnings) to the others. Collective.
Run choose_run(const CLI::App& command, const TrainOptions& options, Communicator& communicator);

}  // namespace convoy::app
