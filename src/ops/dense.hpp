// SPDX-License-Identifier: Apache-2.0
// Fully connected layer. The input is read flat, in its memory order (row, column, channel).
//
//   x [K]   weights [k][n]   bias [n]   y [N]
//
// Order of additions (segments.hpp):
//   forward          y[n]     = sum over k ascending (one row) of x[k] * w[k][n], then the bias
//   input gradient   dx[k]    = sum over n ascending (one row) of dy[n] * w[k][n]
//   weight gradient  dw[k][n] = sum over samples in order (one row) of x[k] * dy[n]
//                    db[n]    likewise, of 1 * dy[n]
#pragma once

#include "ops/op_traits.hpp"

namespace convoy {

struct Dense {
  Shape in;
  Index units = 1;
  bool bias = true;
};

constexpr Shape output_shape(const Dense& op) {
  return {1, 1, op.units};
}

template <>
struct OpTraits<Dense> : OpDefaults<Dense> {
  static constexpr std::array<ModelFileType<Dense>, 1> types = {{{"dense", "dense"}}};
  static constexpr Units forward_units = Units::columns;
  static constexpr Units input_gradient_units = Units::columns;
  static constexpr PassFlops flops(const Dense& op) {
    return flops_of_product(op.in.size() * op.units);
  }
  static constexpr ParameterShape parameters(const Dense& op) {
    return {op.in.size(), op.units, op.bias, op.in.size(), op.units};
  }
  // The transposed weights for the input gradient.
  static constexpr Index packed_size(const Dense& op) { return parameters(op).weights(); }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    visit("units", op.units, Required{"units = 10"}, kPositiveSide);
    visit("bias", op.bias, true);
  }
};

}  // namespace convoy
