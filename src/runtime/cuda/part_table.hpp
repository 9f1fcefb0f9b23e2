// SPDX-License-Identifier: Apache-2.0
// The part of a batch that this rank computes, and how its grains are merged
// (parallel/reduction_tree.hpp). The table has an entry for each size of batch that occurs: full
// ones, and the last of an epoch.
#pragma once

#include <map>
#include <vector>

#include "parallel/communicator.hpp"
#include "parallel/reduction_tree.hpp"
#include "runtime/cuda/device_array.hpp"
#include "runtime/cuda/program.hpp"

namespace convoy::cuda {

class PartTable {
 public:
  PartTable(gpu::Gpu& gpu, const Communicator& communicator, Index grain);

  struct Entry {
    Part part;                            // for the device
    Range grains;                         // this rank's grains of the batch
    Index all_grains = 0;                 // grains of the batch
    std::vector<tree::Subtree> subtrees;  // formed by this rank's grains
    DeviceArray<unsigned char> merges;
  };
  const Entry& of_batch(Index samples);

  // The most samples and the most subtrees of this rank in batches of up to `batch` samples.
  Index most_samples(Index batch) const;
  Index most_subtrees(Index batch) const;

 private:
  Entry make(Index samples) const;

  gpu::Gpu& gpu_;
  const Index grain_;
  const int rank_, ranks_;
  std::map<Index, Entry> entries_;  // by the samples of the batch
};

}  // namespace convoy::cuda
