// SPDX-License-Identifier: Apache-2.0
// convoy train --ranks N: the same command line, run by N processes under a supervisor.
#pragma once

#include "commands/run_choice.hpp"

namespace convoy::app {

// The number of processes that --ranks starts: the given number, but without --oversubscribe at
// most the cores that this process may use on this machine (GPUs and other machines are not
// counted). Throws UserError(usage) if a smaller number would change the result, or if --hosts has
// fewer places.
int ranks_to_start(const TrainOptions& options);

// Warns on stderr if `ranks` is less than the number of --ranks.
void warn_of_fewer_ranks(const TrainOptions& options, int ranks);

// Returns the exit code. Throws UserError, before anything starts, if the command line is wrong.
int launch(const CLI::App& command, const TrainOptions& options, int ranks);

}  // namespace convoy::app
