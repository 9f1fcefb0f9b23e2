// SPDX-License-Identifier: Apache-2.0
// The second beat of a step on many ranks, each with a GPU: the nodes of the tree that this rank's
// grains came to go to the host, where gradient_sum.hpp finishes the tree with those of the other
// ranks; the sum goes back.
#pragma once

#include "runtime/cuda/device_program.hpp"
#include "runtime/cuda/part_table.hpp"
#include "runtime/gradient_sum.hpp"

namespace convoy::cuda {

class RankSum {
 public:
  // Collective. `nodes`: the most of a step; 0: of evaluations alone.
  RankSum(gpu::Gpu& gpu, Communicator& communicator, const EngineOptions& options, const Plan& plan,
          Index samples, Index nodes);

  // Collective. Of the step that was launched; `flags` of this rank. What it returns is the tally
  // of all ranks; where it is finite, sums() is that of all gradients.
  Tally finish(const PartTable::Entry& part, const DeviceProgram& program, std::uint32_t flags);
  const float* sums() const { return sums_.data(); }  // [arena], on the device

  // Collective: the tally of an evaluation, from the losses of this rank's samples.
  Tally sum_tallies(Index all_grains, Range grains, std::span<const double> losses,
                    std::span<const int> hits);

 private:
  void count(Index all_grains, Range grains, const double* losses, const int* hits, Index samples);
  TeamPieces pieces() const { return {counter_.nodes(), tallies_.data()}; }
  void add_up();

  gpu::Gpu& gpu_;
  Communicator& communicator_;
  const Index arena_, grain_;
  const Backend& backend_;
  GradientSum sum_;
  PinnedArray<float> staged_;  // [node][arena], then the sum [arena]
  PinnedArray<double> losses_;
  PinnedArray<int> hits_;
  DeviceArray<float> sums_;
  Buffer<float> scratch_;
  tree::Counter counter_;
  std::vector<Tally> tallies_;  // of the nodes on the counter
};

}  // namespace convoy::cuda
