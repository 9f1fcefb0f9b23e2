// SPDX-License-Identifier: Apache-2.0
// The weight gradients of a layer for a range of grains, added up along the tree.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "parallel/reduction_tree.hpp"
#include "plan/plan.hpp"

namespace convoy {

// Floats of a weight gradient that are computed at once for several grains: together with the
// partial sums of the tree and the inputs they fit into the second-level cache.
inline constexpr Index kBlockFloats = 4096;

// What one worker adds, and its memory.
struct GradientPart {
  LayerValues values;  // of the samples of `grains`
  Range grains;
  const tree::Counter& counter_before;  // the subtrees of the grains before these
  Range units;                          // weight rows
  float* slots = nullptr;               // [depth][arena]
  float* scratch = nullptr;
};

// Does what add_weight_gradients() does, for a backend with a kernel that adds grains itself.
template <class SamplesOf>
void add_weight_gradient_sums(const Plan& plan, const Stage& stage, const Backend& backend,
                              const GradientPart& part, const SamplesOf& samples_of) {
  tree::Counter counter = part.counter_before;
  for (Index g = part.grains.begin; g < part.grains.end;) {
    const Index depth = counter.depth(), first = samples_of(g).begin;
    std::array<GrainPush, kMostGrainPushes> pushes;
    std::size_t count = 0;
    for (; g < part.grains.end && count < pushes.size(); ++g, ++count) {
      pushes[count].samples = samples_of(g).size();
      counter.push({g, g + 1}, [&](Index) { ++pushes[count].merges; });
    }
    run_weight_gradient_sum(plan, stage, backend, part.values, first,
                            std::span(pushes).first(count), part.slots, depth, part.units);
  }
}

// Writes each grain's gradient to the counter's next slot and merges it with its siblings at once.
// It does so for a block of rows at a time, so that the partial sums stay in the cache.
// samples_of(g): the samples of a grain, counted from the first of part.grains.
template <class SamplesOf>
void add_weight_gradients(const Plan& plan, const Stage& stage, const Backend& backend,
                          const GradientPart& part, const SamplesOf& samples_of) {
  if (has_weight_gradient_sum(plan, stage, backend)) {
    return add_weight_gradient_sums(plan, stage, backend, part, samples_of);
  }
  const ParameterBlock& block = *plan.block(stage.layer);
  const Index arena = plan.net().arena_size();
  const Index rows = part.grains.size() == 1
                         ? block.shape.rows()
                         : std::max<Index>(1, kBlockFloats / block.shape.columns);
  for (Index row = part.units.begin; row < part.units.end; row += rows) {
    const Range some{row, std::min(row + rows, part.units.end)};
    const Index begin = block.offset + some.begin * block.shape.columns;
    const Index size = some.size() * block.shape.columns;
    tree::Counter counter = part.counter_before;
    for (Index g = part.grains.begin; g < part.grains.end; ++g) {
      run_weight_gradient(plan, stage, backend, part.values, samples_of(g),
                          part.slots + counter.depth() * arena, part.scratch, some);
      counter.push({g, g + 1}, [&](Index i) {
        float* sum = part.slots + i * arena + begin;
        backend.add(size, sum, sum + arena);
      });
    }
  }
}

}  // namespace convoy
