// SPDX-License-Identifier: Apache-2.0
// convoy train --ranks N: the same command line, by N processes under a supervisor.
#pragma once

#include "run_choice.hpp"

namespace convoy::app {

// Gives the exit code. Throws UserError where the command line is wrong, before anything starts.
int launch(const CLI::App& command, const TrainOptions& options);

}  // namespace convoy::app
