// SPDX-License-Identifier: Apache-2.0
// Dense layers (ops/dense.hpp) are products of one position. Their weight gradient is summed from
// inputs and gradients where the grains are added up (gradient_sum.cuh).
#pragma once

#include "ops/cuda/tiling.hpp"

namespace convoy::cuda {

inline Product dense_product(const Operand& a, const Operand& b, const Operand& c, Index terms,
                             Index columns) {
  Product p;
  p.a = a, p.b = b, p.c = c;
  p.columns = in_32_bits(columns);
  p.a_term = 1, p.b_term = p.columns;
  p.terms = cuts_of(1, in_32_bits(terms));
  return p;
}

inline ProductSteps lower_forward(const Dense& op, const Operands& at, const Work& work) {
  Product p = dense_product(at.x, at.parameters, at.y, op.in.size(), op.units);
  p.has_bias = op.bias;
  p.bias = at.parameters;
  p.bias.offset += op.in.size() * op.units;
  return {{tiled(p, work)}};
}

inline ProductSteps lower_input_gradient(const Dense& op, const Operands& at, const Work& work) {
  return {{tiled(dense_product(at.dy, at.packed, at.dx, op.units, op.in.size()), work)}};
}

}  // namespace convoy::cuda
