// SPDX-License-Identifier: Apache-2.0
// Ranks of one job must be of one mind: what they run, before the first step; what came of it, from
// time to time. Who differs is named. With more than two ranks the majority is right, with two
// rank 0.
#pragma once

#include <string>
#include <string_view>

#include "base/tensor.hpp"
#include "base/version.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

// What must be equal on all ranks.
struct RunFacts {
  std::string version{kVersion};
  int order_version = kOrderVersion;
  std::string model;         // its text (ModelFile::text), with the settings of the training
  std::string data;          // in words, line by line: limit, validation part ...
  std::string layout;        // in words, line by line: grain, how ranks and threads are cut ...
  std::string train_sha256;  // of the data (shared_sha256)
  std::string test_sha256;
};

// Collective over all ranks. Throws SharedError on all of them: UserError's words, with
//   usage     "rank 3 differs from rank 0 in the model ('batch = 64', not 'batch = 32'): ..."
//   bad_data  "rank 3 differs from rank 0 in the training data (SHA-256 ..., not ...): ..."
void agree(Communicator& communicator, const RunFacts& facts);

// Collective over all ranks: do all hold the weights (or the state) of this digest after `step`
// steps? Throws SharedError(peer) on all of them, naming the rank and the step, where one does not.
void verify_weights(Communicator& communicator, std::string_view digest, Index step);

}  // namespace convoy
