// SPDX-License-Identifier: Apache-2.0
// The reduce and update parts of a step on the workers of a rank.
//
//   update    all workers    Where an update is elementwise: finishes the sum of the gradients
//                            of the worker's slice of the arena, updates the weights there.
//
// Where NetOptimizer::needs_whole_gradient(), two functions come before it, with a barrier of the
// memory domain between them:
//
//   gather    all workers    Finishes the sum of the worker's slice, which the memory domain
//                            keeps as a whole, and the squares of its rows (optim/norms.hpp).
//   combine   worker 0       Computes the factors of all tensors.
//             of each rank
//   update    all workers    Updates the weights of the slice, and the worker's matrices.
#pragma once

#include <memory>
#include <vector>

#include "runtime/batch_statistics.hpp"
#include "runtime/cpu/generations.hpp"
#include "runtime/cpu/layout.hpp"
#include "runtime/cpu/matrix_owners.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/timeline.hpp"

namespace convoy {

class StepUpdate {
 public:
  // Collective over the memory domain. Keeps references to all arguments but the optimizer and the
  // communicator.
  StepUpdate(const Net& net, const NetOptimizer& optimizer, const Layout& layout,
             const GradientSum& gradient_sum, const BatchStatistics& statistics,
             const Generations& generations, Communicator& communicator);

  // The part of the arena that belongs to a worker of this rank. The slices of all workers of the
  // memory domain together are the arena.
  Range slice_of(int worker) const;

  // Whether a step calls gather() and combine() before update().
  bool gathers() const { return optimizer_.needs_whole_gradient(); }
  // All workers may call gather() at the same time, and update() likewise, in any order. They work
  // on a few rows at a time, so that their sums stay in the cache. `track`: the worker's, or null.
  void gather(int worker, Track* track);
  // One worker of each rank calls it, after all workers of the memory domain have gathered, since
  // it reads the squares of all rows, and before any worker of the rank updates. `samples`: of the
  // step, on all ranks.
  void combine(Index samples);

  // Returns whether all new weights are finite. `numbers.tensor_factors` must be null.
  bool update(int worker, Generations::Step numbers, Track* track);

  // Bytes that the workers of a memory domain need where gathers(), together.
  static Index gathered_bytes(const Net& net, const NetOptimizer& optimizer, int domain_workers);

 private:
  // The sum over all samples of the gradients of these rows [rows][columns], in `scratch` (of
  // GradientSum::sum) or elsewhere.
  const float* summed_gradient(const ParameterBlock& block, Range rows, float* scratch) const;
  template <class Rows>
  void for_rows(const ParameterBlock& block, Range rows, const Rows& work) const;

  const Net& net_;
  const NetOptimizer optimizer_;
  const NormSettings norms_;
  const Layout& layout_;
  const GradientSum& gradient_sum_;
  const BatchStatistics& statistics_;
  const Generations& generations_;
  const MatrixOwners matrices_;
  std::vector<Buffer<float>> scratch_;         // of each worker
  std::vector<Buffer<float>> matrix_scratch_;  // likewise

  // Where gathers(). The memory domain shares the first two.
  std::shared_ptr<float[]> gradient_;       // [arena]
  std::shared_ptr<Squares[]> row_squares_;  // of the rows of all blocks, in order
  std::vector<Index> first_rows_;           // of each block
  std::vector<Squares> tensor_squares_;     // [block][weight, bias]
  std::vector<TensorFactors> tensor_factors_;
};

}  // namespace convoy
