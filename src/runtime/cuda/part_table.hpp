// SPDX-License-Identifier: Apache-2.0
// Which part of a batch this rank computes, and how its grains are merged
// (parallel/reduction_tree.hpp), for batches of each size that comes up: full ones, and the last of
// an epoch.
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
    Part part;                      // for the device
    Range grains;                   // of the batch's
    Index all_grains = 0;           // of the batch
    std::vector<tree::Node> nodes;  // that this rank's grains come to
    DeviceArray<unsigned char> merges;
  };
  const Entry& of_batch(Index samples);

  // The most samples of this rank, and the most nodes, in batches of up to `batch`.
  Index most_samples(Index batch) const;
  Index most_nodes(Index batch) const;

 private:
  Entry make(Index samples) const;

  gpu::Gpu& gpu_;
  const Index grain_;
  const int rank_, ranks_;
  std::map<Index, Entry> entries_;  // by the samples of the batch
};

}  // namespace convoy::cuda
