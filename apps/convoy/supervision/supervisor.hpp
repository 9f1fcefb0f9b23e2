// SPDX-License-Identifier: Apache-2.0
// Watches the ranks that it starts on this machine with a launcher. It forwards stop signals to
// them; if one of them fails in any way, it ends all of them and says why.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_codes.hpp"

namespace convoy::app {

struct Job {
  std::vector<std::string> command;    // the launcher, its options, the program, its arguments
  std::vector<std::string> variables;  // NAME=VALUE, for all of them
  // Names of variables for a folder in shared memory, which is removed when the job ends.
  std::vector<std::string> folder_variables;
  int ranks = 1;
  bool several_machines = false;  // whether some ranks cannot be watched
  double stall_timeout = 30;      // seconds
  double start_timeout = 60;
  bool quiet = false;
};

struct JobEnd {
  Ending ending;         // 77, or the exit code of a rank
  std::string output;    // the output on stdout, if the ending is clean
  bool began = false;    // whether a rank trained
  bool at_once = false;  // ended by a second Ctrl-C: the other members are not set
};

// Returns when no process of the job is left. Passes output on stderr on until something fails;
// after that the messages of the launcher and the other ranks would only hide the reason. Throws
// UserError(unavailable) if the launcher cannot be started.
JobEnd supervise(const Job& job);

}  // namespace convoy::app
