// SPDX-License-Identifier: Apache-2.0
// convoy train --ranks N: the same command line, by N processes under a supervisor.
#pragma once

#include "commands/run_choice.hpp"

namespace convoy::app {

// How many processes --ranks starts: as many as it says, but without --oversubscribe no more than
// this process may use cores on this machine (GPUs and other machines are not counted). Throws
// UserError where fewer would train something else.
int ranks_to_start(const TrainOptions& options);

// Says so on stderr where `ranks` are fewer than --ranks says.
void warn_of_fewer_ranks(const TrainOptions& options, int ranks);

// Gives the exit code. Throws UserError where the command line is wrong, before anything starts.
int launch(const CLI::App& command, const TrainOptions& options, int ranks);

}  // namespace convoy::app
