// SPDX-License-Identifier: Apache-2.0
// The reduce and update parts of a step on the workers of a rank: each worker finishes the sum of
// the gradients of its slice of the arena, and updates the weights there.
#pragma once

#include <vector>

#include "runtime/batch_statistics.hpp"
#include "runtime/cpu/generations.hpp"
#include "runtime/cpu/layout.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/timeline.hpp"

namespace convoy {

class StepUpdate {
 public:
  // Keeps references to all arguments.
  StepUpdate(const Net& net, const Layout& layout, const GradientSum& gradient_sum,
             const BatchStatistics& statistics, const Generations& generations);

  // The part of the arena that belongs to a worker of this rank. The slices of all workers of the
  // memory domain together are the arena.
  Range slice_of(int worker) const;

  // Finishes the tree over the worker's slice and updates the weights there, a few rows at a time,
  // so that their sums stay in the cache. Returns whether all new weights are finite. All workers
  // may call it at the same time. `track`: the worker's, or null.
  bool update(int worker, const Generations::Step& numbers, Track* track);

 private:
  // The sum over all samples of the gradients of these rows [rows][columns], in `scratch` (of
  // GradientSum::sum) or elsewhere.
  const float* summed_gradient(const ParameterBlock& block, Range rows, float* scratch) const;

  const Net& net_;
  const Layout& layout_;
  const GradientSum& gradient_sum_;
  const BatchStatistics& statistics_;
  const Generations& generations_;
  std::vector<Buffer<float>> scratch_;  // of each worker
};

}  // namespace convoy
