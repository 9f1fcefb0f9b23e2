// SPDX-License-Identifier: Apache-2.0
// The command line for the launcher of the linked MPI library. The options differ from library to
// library, and between Open MPI 4 and 5.
#pragma once

#include <string>
#include <vector>

namespace convoy::app {

struct LauncherCall {
  std::vector<std::string> words;      // the launcher and its options; the program follows
  std::vector<std::string> variables;  // NAME=VALUE, for the launcher and its ranks
  // Variables that give the library a folder for its files in shared memory. Ranks that are killed
  // while they start leave such files behind.
  std::vector<std::string> folder_variables;
};

// Starts `ranks` processes, not bound to cores, if necessary more than there are cores; on `hosts`
// ("a:2,b:2", as mpirun writes them), or without hosts all on this machine, whatever batch system
// it belongs to. Throws UserError(unavailable) if this library's launcher does not take hosts.
LauncherCall launcher_call(int ranks, const std::string& hosts);

}  // namespace convoy::app
