// SPDX-License-Identifier: Apache-2.0
// Runs the processes of a study: each configuration once in every round, one after the other, while
// this program does no other work.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "study/folder.hpp"

namespace convoy::app {

// The command of a configuration, including the program, without --out.
std::vector<std::string> study_command(const study::StudyPlan& plan,
                                       const study::Configuration& which);

// Does the missing runs of the study, and saves the study after each. `say` is called at the end of
// each run. Returns false if it was asked to stop (Ctrl-C, SIGTERM); the run in progress is then
// lost. If a process fails, throws UserError with its last message and its exit code.
bool run_study(study::Study& study, const study::StudyFolder& folder,
               const std::function<void(const std::string& line)>& say);

}  // namespace convoy::app
