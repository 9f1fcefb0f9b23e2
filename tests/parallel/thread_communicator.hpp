// SPDX-License-Identifier: Apache-2.0
// Runs ranks as threads of one process: a whole job in a test, of any shape, without MPI.
//
// It is stricter than MPI: messages must have the size that the receiver expects and the same
// synchronization point in the same step, all must be received, and a rank that leaves while others
// wait for it ends the job at once. Sums are added in the order of the ranks. Nothing waits longer
// than 20 seconds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace convoy::test {

// The state that a rank has published.
struct RankState {
  Activity activity = Activity::starting;
  std::int64_t step = 0;
  std::int64_t heartbeats = 0;
  std::string failure;  // the reason given to fail()
};

// Calls work once for each rank, at the same time; the ranks of memory domain k are domain_sizes[k]
// threads that share memory. Where one throws, the waits of the others throw
// SystemError(Fault::peer), and once all have ended, what the first one threw is thrown here.
void run_ranks(const std::vector<int>& domain_sizes,
               const std::function<void(Communicator&)>& work);

// The state that `rank` has published so far. The communicator is one of run_ranks.
RankState state_of(const Communicator& communicator, int rank);

}  // namespace convoy::test
