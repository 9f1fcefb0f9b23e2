// SPDX-License-Identifier: Apache-2.0
// The arguments of the three passes of an operation. They name all memory that a pass uses; a pass
// keeps nothing.
//
//   forward          y  = f(x, parameters)
//   input_gradient   dx = (dL/dy) * (dy/dx)
//   weight_gradient  dp = (dL/dy) * (dy/dparameters), summed over the samples given
//
// Every pass writes with `=`, never `+=`, and works on a range of *its own* outputs, counted in
// units (see op.hpp). Calls over ranges that cover all units write the same bits as one call over
// all of them, so the units can be divided among workers.
//
// Legend: B samples, H W C height, width and channels of a sample, K terms of a sum. Activations
// are NHWC. Parameters of an operation are one block: weights [tap][column], then the bias
// [column].
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/host_device.hpp"
#include "base/tensor.hpp"

namespace convoy {

// What an operation on the CPU keeps from forward to backward besides x and y: one number per
// output (a max pool keeps the tap with the largest value).
using Argmax = std::int32_t;

// Where in a run a pass is. An operation may depend on it (random numbers, other arithmetic in an
// evaluation), and on no other state; so its results do not depend on the layout of the run.
struct StepContext {
  bool is_training = false;
  std::uint64_t seed = 0;                  // of the run
  std::uint32_t epoch = 0;                 // from 1
  std::int64_t step = 0;                   // its number in the run, from 1
  const std::uint32_t* samples = nullptr;  // [B]: their numbers in the data set
  int layer = 0;                           // number in the net

  // That of the same pass for the samples from `first` on.
  CONVOY_HOST_DEVICE StepContext from(Index first) const {
    StepContext context = *this;
    if (samples != nullptr) context.samples += first;
    return context;
  }
};

template <class Real>
struct Forward {
  Index samples = 0;                 // B
  const Real* x = nullptr;           // [B][in]
  const Real* other = nullptr;       // [B][in], second input of an operation that has two
  const Real* parameters = nullptr;  // the operation's block
  Real* y = nullptr;                 // [B][out]
  Argmax* argmax = nullptr;          // [B][out], where the operation keeps one
  Real* scratch = nullptr;           // scratch_size(op) elements, private to the caller
  StepContext context = {};
};

template <class Real>
struct InputGradient {
  Index samples = 0;
  const Real* dy = nullptr;  // [B][out]
  const Real* x = nullptr;   // [B][in], of an operation that reads it (reads_own_input)
  const Real* y = nullptr;   // [B][out], what forward wrote
  const Real* parameters = nullptr;
  const Real* packed = nullptr;  // packed_size(op) elements, what pack() wrote (SIMD only)
  const Argmax* argmax = nullptr;
  Real* dx = nullptr;  // [B][in]; may be dy where the operation is elementwise
  Real* scratch = nullptr;
  StepContext context = {};
};

template <class Real>
struct WeightGradient {
  Index samples = 0;
  const Real* x = nullptr;   // [B][in]
  const Real* dy = nullptr;  // [B][out]
  Real* gradient = nullptr;  // the operation's block
  Real* scratch = nullptr;
  const Real* y = nullptr;         // [B][out], of a block (conv_block.hpp)
  const Argmax* argmax = nullptr;  // likewise
  StepContext context = {};
};

// The weight gradients of consecutive grains, added up as a binary counter does
// (parallel/reduction_tree.hpp). `depth` slots are in use before. Each grain's gradient is written
// to the next slot. Then, `merges` times, the last slot in use is added to the one before it:
// slot[d - 1] = slot[d - 1] + slot[d], and slot d is free. The content of a free slot is not
// defined.
struct GrainPush {
  Index samples = 0;
  int merges = 0;
};
inline constexpr std::size_t kMostGrainPushes = 16;

template <class Real>
struct WeightGradientSum {
  const Real* x = nullptr;            // [B][in]; B counts the samples of all grains
  const Real* dy = nullptr;           // [B][out]
  std::span<const GrainPush> grains;  // at least 1, at most kMostGrainPushes
  Real* slots = nullptr;              // [slot][...]: the operation's block in the first slot
  Index slot_size = 0;                // from one slot to the next
  Index depth = 0;
};

}  // namespace convoy
