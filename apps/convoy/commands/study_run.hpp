// SPDX-License-Identifier: Apache-2.0
// The processes of a study: each configuration once in every round, one after the other, while
// nothing else of this program works.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "study/folder.hpp"

namespace convoy::app {

// The command of a configuration, the program in front, without --out.
std::vector<std::string> study_command(const study::StudyPlan& plan,
                                       const study::Configuration& which);

// Runs what the study lacks and saves it after each run. `say` is told each run as it ends. False:
// it was asked to stop (Ctrl-C, SIGTERM), and the run in progress is lost. Throws UserError with
// what a process that failed said last, and its exit code.
bool run_study(study::Study& study, const study::StudyFolder& folder,
               const std::function<void(const std::string& line)>& say);

}  // namespace convoy::app
