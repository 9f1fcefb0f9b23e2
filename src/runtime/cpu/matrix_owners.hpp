// SPDX-License-Identifier: Apache-2.0
// Which worker updates each matrix, where an optimizer needs whole matrices
// (optim/newton_schulz.hpp). All ranks of a memory domain compute the same table. It has no
// influence on the weights.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "net/net.hpp"
#include "optim/newton_schulz.hpp"
#include "optim/optimizer.hpp"

namespace convoy {

inline MatrixShape matrix_of(const ParameterBlock& block) {
  return {block.shape.taps, block.shape.columns, block.shape.is_map};
}

struct MatrixOwners {
  std::vector<int> owners;     // of each parameter block; -1: its weights are updated row by row
  std::vector<Index> scratch;  // floats of each worker: newton_schulz_scratch() of its largest

  // `workers`: of the memory domain. The most expensive matrix first, each to the worker that has
  // the least to do.
  MatrixOwners(const Net& net, const NetOptimizer& optimizer, int workers)
      : owners(net.parameter_blocks().size(), -1), scratch(static_cast<std::size_t>(workers)) {
    if (!optimizer.needs_whole_matrices()) return;
    const auto& blocks = net.parameter_blocks();
    std::vector<std::size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](std::size_t b) {
      return newton_schulz_cost(matrix_of(blocks[b]));
    });
    std::vector<Index> costs(static_cast<std::size_t>(workers));
    for (const std::size_t b : order) {
      const MatrixShape shape = matrix_of(blocks[b]);
      if (!shape.is_matrix()) continue;
      const auto least = std::ranges::min_element(costs);
      const auto owner = static_cast<std::size_t>(least - costs.begin());
      owners[b] = static_cast<int>(owner);
      if (optimizer.blocks[b].weight.frozen) continue;  // is copied
      *least += newton_schulz_cost(shape);
      scratch[owner] = std::max(scratch[owner], newton_schulz_scratch(shape));
    }
  }
};

}  // namespace convoy
