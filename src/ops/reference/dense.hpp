// SPDX-License-Identifier: Apache-2.0
// The executable specification of dense.hpp.
#pragma once

#include "ops/op.hpp"
#include "ops/pass.hpp"
#include "ops/reference/chain.hpp"
#include "ops/segments.hpp"

namespace convoy::reference {

// The columns of a unit (block, sample) of a dense pass.
inline Range column_block(Index unit, Index samples, Index columns) {
  const Index begin = unit / samples * kColumnBlock;
  return {begin, std::min(begin + kColumnBlock, columns)};
}

// Unit: (block of output columns, sample).
template <class Real>
void forward(const Dense& op, const Forward<Real>& pass, Range units) {
  const Index K = op.in.size(), N = op.units;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit % pass.samples;
    const Range columns = column_block(unit, pass.samples, N);
    for (Index n = columns.begin; n < columns.end; ++n) {
      Chain<Real> sum;
      for (const Segment s : Segments(1, K)) {
        for (Index k = s.terms.begin; k < s.terms.end; ++k) {
          sum.term(pass.x[b * K + k], pass.parameters[k * N + n]);
        }
        sum.end_segment();
      }
      pass.y[b * N + n] = op.bias ? sum.total() + pass.parameters[K * N + n] : sum.total();
    }
  }
}

// Unit: (block of input columns, sample).
template <class Real>
void input_gradient(const Dense& op, const InputGradient<Real>& pass, Range units) {
  const Index K = op.in.size(), N = op.units;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit % pass.samples;
    const Range columns = column_block(unit, pass.samples, K);
    for (Index k = columns.begin; k < columns.end; ++k) {
      Chain<Real> sum;
      for (const Segment s : Segments(1, N)) {
        for (Index n = s.terms.begin; n < s.terms.end; ++n) {
          sum.term(pass.dy[b * N + n], pass.parameters[k * N + n]);
        }
        sum.end_segment();
      }
      pass.dx[b * K + k] = sum.total();
    }
  }
}

// Unit: one row of the parameter block, k or the bias.
template <class Real>
void weight_gradient(const Dense& op, const WeightGradient<Real>& pass, Range units) {
  const Index K = op.in.size(), N = op.units;
  for (Index k = units.begin; k < units.end; ++k) {
    for (Index n = 0; n < N; ++n) {
      Chain<Real> sum;
      for (const Segment s : Segments(pass.samples, 1)) {
        for (Index b = s.rows.begin; b < s.rows.end; ++b) {
          sum.term(k == K ? Real{1} : pass.x[b * K + k], pass.dy[b * N + n]);
        }
        sum.end_segment();
      }
      pass.gradient[k * N + n] = sum.total();
    }
  }
}

}  // namespace convoy::reference
