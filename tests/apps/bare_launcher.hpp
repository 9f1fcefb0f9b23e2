// SPDX-License-Identifier: Apache-2.0
// Starts ranks by the MPI library's launcher itself, as a user does.
#pragma once

#include "tests/apps/program.hpp"

namespace convoy::test {

// "mpirun -np RANKS", so that it says nothing of its own and takes more ranks than there are cores.
Arguments bare_launcher(int ranks);

// For launchers that refuse to be started by root.
extern const Arguments kAllowRoot;

// `command` as `ranks` processes, in the folder; stderr without what mpirun itself has to say of
// ranks that ended with an error.
Ended launched(int ranks, const Arguments& command, const ScratchFolder& in);

}  // namespace convoy::test
