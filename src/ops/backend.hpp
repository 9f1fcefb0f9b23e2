// SPDX-License-Identifier: Apache-2.0
// One implementation of all operations in float: the naive reference, or the Highway code compiled
// for one vector instruction set. All backends give the same bits.
#pragma once

#include <string_view>
#include <vector>

#include "ops/conv_block.hpp"
#include "ops/loss.hpp"
#include "ops/normalize.hpp"
#include "ops/op.hpp"
#include "ops/pass.hpp"
#include "optim/optimizer.hpp"

namespace convoy {

struct Backend {
  const char* name;  // "avx512", "avx2", "neon", ..., "reference"

  // Whether the passes of this operation are the backend's own; if not, they run the reference's.
  bool (*implements)(const Op&);

  void (*forward)(const Op&, const Forward<float>&, Range units);
  void (*input_gradient)(const Op&, const InputGradient<float>&, Range units);
  void (*weight_gradient)(const Op&, const WeightGradient<float>&, Range units);
  // Weight gradients of several grains (each of at most kSegmentTerms samples) and their sums along
  // the tree; null where a backend computes one grain after the other.
  void (*weight_gradient_sum)(const Dense&, const WeightGradientSum<float>&, Range units);
  // The three passes of a block of layers; forward and input gradient do all units. Null where a
  // backend runs the layers one by one.
  void (*block_forward)(const ConvBlock&, const Forward<float>&);
  void (*block_input_gradient)(const ConvBlock&, const InputGradient<float>&);
  void (*block_weight_gradient)(const ConvBlock&, const WeightGradient<float>&, Range units);
  // The two passes of a batch normalisation over the samples of a grain.
  void (*statistics)(const BatchNorm2d&, const StatisticsPass<float>&, Range units);
  void (*gradient_statistics)(const BatchNorm2d&, const StatisticsPass<float>&, Range units);
  // Prepares weight rows [units) for input_gradient; elements of other rows stay as they are.
  void (*pack)(const Op&, const float* parameters, float* packed, Range units);
  LossSum (*loss)(const Loss&, const LossPass<float>&);
  // Returns whether all new weights and slots are finite.
  bool (*update)(const Optimizer&, const UpdatePass<float>&);
  // Follows the update of the same elements. Returns whether all new averages are finite.
  bool (*average)(const AveragePass<float>&);
  void (*add)(Index size, float* sum, const float* addend);  // sum += addend
  // x [size] = bytes [size], channels innermost.
  void (*normalize)(const Normalize&, Index size, const std::uint8_t* bytes, float* x);
};

// The implementations that this build has and this machine can run, the fastest first, the
// reference last. Immutable; safe from any thread.
const std::vector<const Backend*>& backends();

// Returns the backend of this name; "auto" is the first. Throws UserError(usage) for an unknown
// name.
const Backend& find_backend(std::string_view name);

namespace reference {
const Backend& backend();
}

}  // namespace convoy
