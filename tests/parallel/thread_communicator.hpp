// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process: a whole job in a test, of any shape, without MPI.
//
// Stricter than the real thing: messages have to have the size that the receiver expects and be for
// the same meeting in the same step, all have to be received, and a rank that leaves while others
// wait for it ends the job at once. Sums are added in the order of the ranks. Nothing waits longer
// than 20 seconds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace convoy::test {

// What a rank has said of itself.
struct RankState {
  Activity activity = Activity::starting;
  std::int64_t step = 0;
  std::int64_t pulses = 0;
  std::string failure;  // the reason given to fail()
};

// Calls work once for each rank, at the same time; the ranks of node k are node_sizes[k] threads
// that share memory. Where one throws, the waits of the others throw SystemError(Fault::peer), and
// once all have ended, what the first one threw is thrown here.
void run_ranks(const std::vector<int>& node_sizes, const std::function<void(Communicator&)>& work);

// Of a communicator of run_ranks: what `rank` has said so far.
RankState state_of(const Communicator& communicator, int rank);

}  // namespace convoy::test
