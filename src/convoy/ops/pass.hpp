// SPDX-License-Identifier: Apache-2.0
// What the three passes of an operation are given. All memory is in the signature; nothing is kept.
//
//   forward          y  = f(x, parameters)
//   input_gradient   dx = (dL/dy) * (dy/dx)
//   weight_gradient  dp = (dL/dy) * (dy/dparameters), summed over the samples given
//
// Every pass writes with `=`, never `+=`, and works on a range of *its own* outputs, counted in
// units (see op.hpp): calls over ranges that cover all units write what one call over all of them
// writes, bit for bit, so the units can be divided among workers.
//
// Legend: B samples, H W C height, width and channels of a sample, K terms of a sum. Activations
// are NHWC. Parameters of an operation are one block: weights [tap][column], then the bias
// [column].
#pragma once

#include <cstdint>

#include "convoy/base/tensor.hpp"

namespace convoy {

// What an operation of the CPU keeps from forward to backward beside x and y: one number an output
// (the winning tap of a max pool).
using Choice = std::int32_t;

template <class Real>
struct Forward {
  Index samples = 0;                 // B
  const Real* x = nullptr;           // [B][in]
  const Real* other = nullptr;       // [B][in], second input of an operation that has two
  const Real* parameters = nullptr;  // the operation's block
  Real* y = nullptr;                 // [B][out]
  Choice* choice = nullptr;          // [B][out], where the operation keeps one
  Real* scratch = nullptr;           // scratch_size(op) elements, private to the caller
};

template <class Real>
struct InputGradient {
  Index samples = 0;
  const Real* dy = nullptr;  // [B][out]
  const Real* y = nullptr;   // [B][out], what forward wrote
  const Real* parameters = nullptr;
  const Real* packed = nullptr;  // packed_size(op) elements, what pack() wrote (SIMD only)
  const Choice* choice = nullptr;
  Real* dx = nullptr;  // [B][in]; may be dy where the operation is elementwise
  Real* scratch = nullptr;
};

template <class Real>
struct WeightGradient {
  Index samples = 0;
  const Real* x = nullptr;   // [B][in]
  const Real* dy = nullptr;  // [B][out]
  Real* gradient = nullptr;  // the operation's block
  Real* scratch = nullptr;
  const Real* y = nullptr;         // [B][out], of a block (conv_block.hpp)
  const Choice* choice = nullptr;  // likewise
};

}  // namespace convoy
