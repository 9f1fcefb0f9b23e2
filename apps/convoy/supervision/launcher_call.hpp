// SPDX-License-Identifier: Apache-2.0
// How the launcher of the MPI library that is linked is told what a job of ranks wants of it. The
// options differ from library to library, and from Open MPI 4 to 5.
#pragma once

#include <string>
#include <vector>

namespace convoy::app {

struct LauncherCall {
  std::vector<std::string> words;      // the launcher and its options; the program is to follow
  std::vector<std::string> variables;  // NAME=VALUE, for the launcher and its ranks
  // Variables by which the library is told a folder for its files in shared memory: ranks that are
  // killed while they start leave them behind.
  std::vector<std::string> folder_variables;
};

// `ranks` processes, not bound to cores, more than there are cores if need be; on `hosts`
// ("a:2,b:2", mpirun's own way to write it), or without hosts all on this machine, whatever batch
// system it belongs to. Throws UserError(unavailable) where hosts can't be told to this library's
// launcher.
LauncherCall launcher_call(int ranks, const std::string& hosts);

}  // namespace convoy::app
