// SPDX-License-Identifier: Apache-2.0
// The reduce part of a step with several ranks, each with a GPU. The subtrees of this rank's grains
// are copied to the host, where gradient_sum.hpp finishes the tree with those of the other ranks;
// the sum is copied back.
#pragma once

#include "runtime/batch_statistics.hpp"
#include "runtime/cuda/device_program.hpp"
#include "runtime/cuda/part_table.hpp"
#include "runtime/gradient_sum.hpp"

namespace convoy::cuda {

class RankSum {
 public:
  // Collective. `subtrees`: the most subtrees of a step; 0: for evaluations alone.
  RankSum(gpu::Gpu& gpu, Communicator& communicator, const EngineOptions& options, const Plan& plan,
          Index samples, Index subtrees);

  // Collective. Finishes the step that was launched last; `flags` are those of this rank. Returns
  // the step metrics of all ranks; where they are finite, the program has the sum of all gradients.
  StepMetrics finish(const PartTable::Entry& part, DeviceProgram& program,
                     const BatchStatistics& statistics, std::uint32_t flags);

  // Collective: the loss and the counts of an evaluation, from the losses of this rank's samples.
  StepMetrics sum_metrics(Index all_grains, Range grains, std::span<const double> losses,
                          std::span<const int> hits);

 private:
  void push_metrics(Index all_grains, Range grains, const double* losses, const int* hits,
                    Index samples);
  GroupPieces pieces() const { return {counter_.subtrees(), partial_metrics_.data()}; }
  void sum_gradients(const BatchStatistics& statistics);  // in staged_

  gpu::Gpu& gpu_;
  Communicator& communicator_;
  const Plan& plan_;
  const Index arena_, grain_;
  const Backend& backend_;
  GradientSum gradient_sum_;
  PinnedArray<float> staged_;  // [subtree][arena], then the sum [arena]
  PinnedArray<double> losses_;
  PinnedArray<int> hits_;
  Buffer<float> scratch_;
  tree::Counter counter_;
  std::vector<StepMetrics> partial_metrics_;  // of the subtrees on the counter
};

}  // namespace convoy::cuda
