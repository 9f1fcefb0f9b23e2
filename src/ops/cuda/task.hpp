// SPDX-License-Identifier: Apache-2.0
// The tasks of which a pass consists on a GPU. The host prepares them once (lower.hpp), and a
// kernel runs them in every step (run_task.cuh). Between two tasks all threads that share them pass
// a barrier; within a task only the lanes of a warp wait for each other.
//
// Tasks are plain data. They are the same for one sample in the shared memory of a block and for a
// batch in the memory of the device; the launch gives the pointers.
#pragma once

#include <variant>

#include "ops/cuda/cuts.hpp"
#include "ops/op.hpp"

namespace convoy::cuda {

// The memories to which a task may refer.
enum class Memory : int {
  workspace,   // activations, their gradients, argmaxes
  parameters,  // arena
  packed,      // weights as input gradients read them
  partials,    // from which weight gradients are summed, for each sample or grain
  kept,        // inputs and gradients of dense layers, for each sample
  other,       // memory of the caller
  one,         // 1.0F
};
inline constexpr int kMemories = 7;

struct Memories {
  float* at[kMemories] = {};

  CONVOY_HOST_DEVICE float*& of(Memory memory) { return at[static_cast<int>(memory)]; }
};

// Elements of four bytes: sample s begins at offset + s * stride.
struct Operand {
  Memory memory = Memory::workspace;
  int stride = 0;
  Index offset = 0;
};

// Returns sample 0 of an operand.
CONVOY_HOST_DEVICE inline float* resolve(const Operand& operand, const Memories& memories) {
  return memories.at[static_cast<int>(operand.memory)] + operand.offset;
}

// How the sums of a product are divided.
enum class Sharing : int {
  samples,   // one sum for each position of each sample
  segments,  // one for each position, sample and segment: its value alone, which is added up later
  grains,    // one for each position and grain: over all samples of the grain
};

// The micro-kernel (product.cuh) computes sums of products, in the order of ops/segments.hpp.
//
//   c[position][n] = sum over terms of a[position + term] * b[term][n], then the bias, then +0
//
// Convolutions, dense layers and their gradients are products whose strides walk over an image in
// place.
struct Product {
  Operand a, b, c, bias;
  bool has_bias = false;
  bool adds_zero = false;  // +0 is added last
  Sharing sharing = Sharing::samples;
  int height = 1, width = 1;  // positions of a sample
  int columns = 1;
  int a_y = 0, a_x = 0, a_row = 0, a_term = 0;
  int b_row = 0, b_term = 0;
  int c_y = 0, c_x = 0, c_segment = 0;
  Cuts terms;
  // A thread computes `tile_rows` x `tile_columns` numbers; 2^lane_bits threads share the segments
  // of each number.
  int tile_rows = 1, tile_columns = 1, lane_bits = 0;

  CONVOY_HOST_DEVICE constexpr int lanes() const { return 1 << lane_bits; }
};

// The number of tiles of all sums, for a number of samples in grains of `grain` samples.
template <class Number>
CONVOY_HOST_DEVICE constexpr Number tile_count(const Product& p, Number samples, Number grain) {
  const Number of_sample = Number{p.height} * p.width;
  const Number positions = p.sharing == Sharing::samples ? samples * of_sample : of_sample;
  const Number units = p.sharing == Sharing::samples    ? Number{1}
                       : p.sharing == Sharing::segments ? samples * p.terms.segments
                                                        : (samples + grain - 1) / grain;
  return units * ((positions + p.tile_rows - 1) / p.tile_rows) * (p.columns / p.tile_columns);
}

// Copies with a border of zeros.
struct Border {
  Operand from, to;
  int height = 1, width = 1, channels = 1;  // without the border
  int top = 0, left = 0, bottom = 0, right = 0;
};

// Operations that are not products, in 32 bits. `size` counts the numbers of a sample.
struct Pooling2d {
  Pooling pooling = Pooling::max;
  int height = 1, width = 1, channels = 1, out_height = 1, out_width = 1;
  int kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  int pad_height = 0, pad_width = 0;
};
struct Subsampling {
  bool shared = true, bias = true;
  int height = 1, width = 1, channels = 1, out_height = 1, out_width = 1;
  int kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  int columns = 1;  // of the weights
};
struct Elementwise {
  ActivationFunction function = ActivationFunction::relu;
  int size = 1;
};
struct Addition {
  int size = 1;
};

// A pass of such an operation, or its weight gradient by segments.
enum class PassKind : int { forward, input_gradient, weight_gradient };
struct Pass {
  PassKind kind = PassKind::forward;
  std::variant<Pooling2d, Subsampling, Elementwise, Addition> op;
  Operand x, other, parameters, y, argmax, dy, dx, partials;
};

// to[i] = from[i], or to[i] += from[i] where `adds` is set; `size` elements of each sample.
struct Copy {
  Operand from, to;
  int size = 0;
  bool adds = false;
};

using Task = std::variant<Product, Border, Pass, Copy>;

}  // namespace convoy::cuda
