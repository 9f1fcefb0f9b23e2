// SPDX-License-Identifier: Apache-2.0
// What the file of an operation (operations/) uses to tell which work its passes are on a GPU:
// where values lie, and products. An operation has one of two forms.
//
//   products   A pass is a list of products (and borders) for the micro-kernel (product.cuh):
//                ProductSteps lower_forward(const Op&, const Operands&, const Work&)
//                ProductSteps lower_input_gradient(const Op&, const Operands&, const Work&)
//                ProductSteps lower_weight_gradient(const Op&, const Operands&, const Work&)
//   kernels    A pass is a kernel of its own on a struct in 32 bits, since a GPU divides 64-bit
//              numbers slowly:
//                Form in_32_bits(const Op&)       on the host; every operation has its own Form
//                void forward(const Form&, const Forward<float>&, const Group&)
//                void input_gradient(const Form&, const InputGradient<float>&, const Group&)
//                void weight_gradient(const Form&, const float* x, const float* dy,
//                                     float* partials, int stride, const Samples&, const Group&)
//              The first two may take `const Samples&` before the group, too, if they need it.
//
// An operation with parameters also has Partials gradient_partials(const Op&, const Work&). (Dense
// layers have neither this nor a weight gradient: gradient_sum.cuh computes theirs.)
#pragma once

#include <variant>
#include <vector>

#include "ops/cuda/cuts.hpp"
#include "ops/op.hpp"
#include "ops/pass.hpp"

namespace convoy::cuda {

// The memories to which a task may refer.
enum class Memory : int {
  workspace,     // activations, their gradients, argmaxes
  parameters,    // arena
  packed,        // weights as input gradients read them
  partials,      // from which weight gradients are summed, for each sample or grain
  kept,          // inputs and gradients of dense layers, for each sample
  other,         // memory of the caller
  one,           // 1.0F
  coefficients,  // of batch normalisations
  statistics,    // of the grains, in double
};
inline constexpr int kMemories = 9;

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

// to[i] = from[i], or to[i] += from[i] where `adds` is set; `size` elements of each sample.
struct Copy {
  Operand from, to;
  int size = 0;
  bool adds = false;
};

// The operands of a pass. Those that it does not need keep their default.
struct Operands {
  Operand x, other, parameters, packed, y, argmax, dy, dx;
  Operand bordered_x, bordered_dy;  // of a convolution: copies with a border, where one is needed
  Operand partials;                 // of a weight gradient
  int layer = 0;                    // number in the net
};

// The threads among which the tasks are divided, and the samples.
struct Work {
  Index samples = 1;  // for which the launch is made
  Index grain = 1;
  Index threads = 1;
};

// A task, and whether a barrier must follow it because the next task reads what it wrote.
struct ProductStep {
  std::variant<Product, Border> task;
  bool barrier_after = true;
};
using ProductSteps = std::vector<ProductStep>;

// The partial sums from which a weight gradient is added up, in order: `count` of them for each
// sample or grain, [partial][parameter block].
struct Partials {
  bool by_grain = false;
  int count = 1;
  Index size = 0;  // floats for each sample or grain
};

// The samples that a kernel computes.
struct Samples {
  int count = 0;  // samples of the batch, or of a block's part
  int grain = 1;
  int first = 0;  // in the batch
  // Coefficients of batch normalisations: the samples that share a set (0: all), and its floats.
  int set_samples = 0;
  int set_size = 0;
  StepContext context = {};  // of these samples, but for its layer
};

constexpr int in_32_bits(Index n) {
  return static_cast<int>(n);
}

}  // namespace convoy::cuda
