// SPDX-License-Identifier: Apache-2.0
// Checks that the ranks of a job agree: before the first step on what they run, and from time to
// time on the weights. The error names the rank that differs. With more than two ranks the majority
// is right, with two rank 0 is.
#pragma once

#include <string>
#include <string_view>

#include "base/tensor.hpp"
#include "base/version.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

// The facts that must be equal on all ranks.
struct RunFacts {
  std::string version{kVersion};
  int order_version = kOrderVersion;
  std::string model;         // its text (ModelFile::text), with the training settings
  std::string data;          // line by line: limit, validation part ...
  std::string layout;        // line by line: grain, kind of parallelism of ranks and threads ...
  std::string train_sha256;  // digest of the data (shared_sha256)
  std::string test_sha256;
};

// Collective over all ranks. If ranks differ, all of them throw SharedError with a message like
//   usage     "rank 3 differs from rank 0 in the model ('batch = 64', not 'batch = 32'): ..."
//   bad_data  "rank 3 differs from rank 0 in the training data (SHA-256 ..., not ...): ..."
void agree(Communicator& communicator, const RunFacts& facts);

// Checks that all ranks hold the weights (or the state) of this digest after `step` steps.
// Collective over all ranks. If one does not, it throws SharedError(peer), which names rank and
// step, on all.
void verify_weights(Communicator& communicator, std::string_view digest, Index step);

}  // namespace convoy
