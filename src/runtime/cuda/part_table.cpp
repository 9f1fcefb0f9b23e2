// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/part_table.hpp"

#include <algorithm>

namespace convoy::cuda {

PartTable::PartTable(gpu::Gpu& gpu, const Communicator& communicator, Index grain)
    : gpu_(gpu), grain_(grain), rank_(communicator.rank()), ranks_(communicator.size()) {}

PartTable::Entry PartTable::make(Index samples) const {
  Entry entry;
  entry.all_grains = (samples + grain_ - 1) / grain_;
  entry.grains = split(entry.all_grains, ranks_, rank_);
  const Index first = std::min(entry.grains.begin * grain_, samples);
  tree::Counter counter(entry.all_grains);
  std::vector<unsigned char> merges;
  for (Index g = entry.grains.begin; g < entry.grains.end; ++g) {
    merges.push_back(0);
    counter.push({g, g + 1}, [&](Index) { ++merges.back(); });
  }
  entry.subtrees.assign(counter.subtrees().begin(), counter.subtrees().end());
  entry.merges = {gpu_, merges, "the tree"};
  entry.part.batch = static_cast<int>(samples);
  entry.part.first = static_cast<int>(first);
  entry.part.samples = static_cast<int>(std::min(entry.grains.end * grain_, samples) - first);
  entry.part.scale = static_cast<float>(1.0 / static_cast<double>(samples));
  entry.part.grains = {static_cast<int>(entry.grains.size()), entry.merges.data()};
  return entry;
}

const PartTable::Entry& PartTable::of_batch(Index samples) {
  const auto found = entries_.find(samples);
  return found != entries_.end() ? found->second
                                 : entries_.emplace(samples, make(samples)).first->second;
}

// The longest part of any rank, which bounds the samples of this one.
Index PartTable::most_samples(Index batch) const {
  const Index grains = (batch + grain_ - 1) / grain_;
  return std::min((grains + ranks_ - 1) / ranks_ * grain_, batch);
}

Index PartTable::most_subtrees(Index batch) const {
  return tree::max_depth((batch + grain_ - 1) / grain_);
}

}  // namespace convoy::cuda
