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

#include "base/tensor.hpp"

namespace convoy {

struct Dense {
  Shape in;
  Index units = 1;
  bool bias = true;
};

constexpr Shape output_shape(const Dense& op) {
  return {1, 1, op.units};
}

}  // namespace convoy
