// SPDX-License-Identifier: Apache-2.0
// From the command line of convoy train to what is to be run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "commands/train_options.hpp"

namespace convoy::app {

// What is to be run: new, or the rest of what lies in `folder`.
struct Run {
  ModelFile model;
  DataSettings data;
  std::filesystem::path folder;  // of a new run without --out: what it is to be called
  bool resumed = false;
  Taken taken = Taken::refused;      // of a new run
  std::string initial_weights = {};  // of a new run: the checkpoint that it begins with, or ""
  std::vector<std::string> warnings = {};
};

// Looks at the file system, and changes nothing there. `ranks` are those of the job: what
// --per-rank-batch counts. Throws UserError.
Run choose_run(const CLI::App& command, const TrainOptions& options, int ranks);

// The same, decided by rank 0 and told to the others (but for the warnings). Collective.
Run choose_run(const CLI::App& command, const TrainOptions& options, Communicator& communicator);

}  // namespace convoy::app
