// SPDX-License-Identifier: Apache-2.0
// Watches over the ranks that it starts on this machine by a launcher: hands stop signals on to
// them, and whatever one of them does or fails to do, ends all of them and says why.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_codes.hpp"

namespace convoy::app {

struct Job {
  std::vector<std::string> command;    // the launcher, its options, the program, its arguments
  std::vector<std::string> variables;  // NAME=VALUE, for all of them
  // Names of variables for a folder in shared memory, which goes with the job however it ends.
  std::vector<std::string> folder_variables;
  int ranks = 1;
  bool several_machines = false;  // some ranks are out of sight
  double stall_timeout = 30;      // seconds
  double start_timeout = 60;
  bool quiet = false;
};

struct JobEnd {
  Ending ending;         // 77, or the code that a rank had
  std::string output;    // what came on stdout; only where the ending is clean
  bool began = false;    // a rank trained
  bool at_once = false;  // by a second Ctrl-C: nothing else is true
};

// Returns when no process of the job is left. What comes on stderr is passed on, until something
// went wrong: then the launcher's and the other ranks' laments would only hide the reason. Throws
// UserError(unavailable) where the launcher can't be started.
JobEnd supervise(const Job& job);

}  // namespace convoy::app
