// SPDX-License-Identifier: Apache-2.0
// The gradient of a parameter over the grains of a step, and its sum along the canonical tree
// (parallel/reduction_tree.hpp). One thread owns the parameter and keeps the partial sums of the
// tree. So no two threads add to one number, and the order never depends on timing.
//
// Traffic: for each grain, a thread reads what the gradient is computed from. For convolutions
// these are partial sums of segments or grains; for dense layers, inputs and gradients of each
// sample (two numbers per multiply-add, which neighbouring threads share). Grid: any; a thread
// takes one parameter at a time.
#pragma once

#include "ops/cuda/group.cuh"
#include "ops/cuda/product.cuh"
#include "ops/cuda/update.cuh"

namespace convoy::cuda {

// Where the gradient of a parameter block comes from, and how the block is updated.
struct ParameterSource {
  Index begin = 0;  // in the arena
  int rows = 0, taps = 0, columns = 0;
  bool is_map = true;  // ParameterShape::is_map
  bool dense = false;
  bool is_reduced = false;  // the gradient is known: it came out of a reduction (statistics.cuh)
  // Convolutions: [sample or grain][count][block]
  Operand partials;
  bool by_grain = false;
  int count = 1;
  // Dense layers: [sample][rows of weights] and [sample][columns]
  Operand x, dy;
  // The update.
  BlockUpdate update;
  PackedBlock packed;
  // What whole_gradient.cuh needs: the number of the block, and of its first row among those of all
  // blocks. A matrix that Muon makes orthogonal, and where its products G begin.
  int block = 0;
  Index first_row = 0;
  bool orthogonal = false;
  Index gram = 0;

  CONVOY_HOST_DEVICE Index size() const { return Index{rows} * columns; }
  CONVOY_HOST_DEVICE MatrixShape matrix() const { return {taps, columns, is_map}; }
};

// The grains of a step that belong to this rank, and how often each one is merged with those before
// it.
struct Grains {
  int count = 0;
  const unsigned char* merges = nullptr;  // [count]
};

__device__ inline float partial_sum(const ParameterSource& source, int element, int grain,
                                    const Memories& memories, const Samples& samples) {
  const float* const at = resolve(source.partials, memories) + element;
  if (source.by_grain) return at[static_cast<Index>(grain) * source.partials.stride];
  const int begin = grain * samples.grain, end = std::min(begin + samples.grain, samples.count);
  const int block = source.rows * source.columns;
  float sum = 0;
  for (int s = begin; s < end; ++s) {
    const float* const partial = at + static_cast<Index>(s) * source.partials.stride;
    CONVOY_UNROLL(4)
    for (int i = 0; i < source.count; ++i) {
      sum = s == begin && i == 0 ? partial[0] : sum + partial[i * block];
    }
  }
  return sum;
}

// A grain has at most kSegmentTerms samples, so its sum is one segment.
__device__ inline float dense_sum(const ParameterSource& source, int row, int column, int grain,
                                  const Memories& memories, const Samples& samples) {
  const float* const x = resolve(source.x, memories) + row;
  const float* const dy = resolve(source.dy, memories) + column;
  const int begin = grain * samples.grain, end = std::min(begin + samples.grain, samples.count);
  float sum = 0;
  CONVOY_UNROLL(4)
  for (int s = begin; s < end; ++s) {
    const float value = row == source.taps ? 1.0F : x[static_cast<Index>(s) * source.x.stride];
    sum = std::fma(value, dy[static_cast<Index>(s) * source.dy.stride], sum);
  }
  return sum;
}

// Adds this rank's grains along the tree; calls subtree(i, value) for each subtree that remains.
template <class Subtree>
__device__ void sum_grains(const ParameterSource& source, int element, const Memories& memories,
                           const Samples& samples, const Grains& grains, const Subtree& subtree) {
  constexpr int kMostDepth = 64;  // tree::max_depth(2^31)
  constexpr int kAhead = 4;       // grains whose loads are in flight at a time
  float stack[kMostDepth];
  const int row = element / source.columns, column = element - row * source.columns;
  int depth = 0;
  for (int first = 0; first < grains.count; first += kAhead) {
    float values[kAhead];
    CONVOY_UNROLL(kAhead)
    for (int i = 0; i < kAhead; ++i) {
      if (first + i >= grains.count) continue;
      values[i] = source.dense ? dense_sum(source, row, column, first + i, memories, samples)
                               : partial_sum(source, element, first + i, memories, samples);
    }
    CONVOY_UNROLL(kAhead)
    for (int i = 0; i < kAhead; ++i) {
      if (first + i >= grains.count) continue;
      float sum = values[i];
      for (int merges = grains.merges[first + i]; merges > 0; --merges) sum = stack[--depth] + sum;
      stack[depth++] = sum;
    }
  }
  for (int i = 0; i < depth; ++i) subtree(i, stack[i]);
}

__device__ inline Parameter parameter_of(const ParameterSource& source, int element) {
  const int row = element / source.columns;
  return {row, element - row * source.columns, row == source.taps, source.begin + element};
}

}  // namespace convoy::cuda
