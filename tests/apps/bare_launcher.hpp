// SPDX-License-Identifier: Apache-2.0
// Starts ranks by the MPI library's launcher itself, as a user does.
#pragma once

#include "tests/apps/program.hpp"

namespace convoy::test {

// "mpirun -np RANKS", with options by which it prints nothing of its own and accepts more ranks
// than cores.
Arguments bare_launcher(int ranks);

// For launchers that refuse to be started by root.
extern const Arguments kAllowRoot;

// Runs `command` as `ranks` processes, in the folder. Removes from stderr mpirun's own messages
// about ranks that ended with an error.
Ended launched(int ranks, const Arguments& command, const ScratchFolder& in);

}  // namespace convoy::test
