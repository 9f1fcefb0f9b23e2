// SPDX-License-Identifier: Apache-2.0
// From the command line of convoy train to what is to be run.
#pragma once

#include <filesystem>

#include "train_options.hpp"

namespace convoy::app {

// What is to be run: new, or the rest of what lies in `folder`.
struct Run {
  Model model;
  DataSettings data;
  std::filesystem::path folder;
  bool resumed = false;
};

// Looks at the file system, and changes nothing there. `ranks` are those of the job: what
// --per-rank-batch counts. Throws UserError.
Run choose_run(const CLI::App& command, const TrainOptions& options, int ranks);

// The same, decided by rank 0 and told to the others. Collective.
Run choose_run(const CLI::App& command, const TrainOptions& options, Communicator& communicator);

}  // namespace convoy::app
