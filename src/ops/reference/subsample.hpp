// SPDX-License-Identifier: Apache-2.0
// The executable specification of subsample.hpp.
#pragma once

#include "ops/pass.hpp"
#include "ops/phase.hpp"
#include "ops/reference/chain.hpp"
#include "ops/segments.hpp"
#include "ops/subsample.hpp"

namespace convoy::reference {

// Unit: one output pixel (sample, oy, ox).
template <class Real>
void forward(const Subsample& op, const Forward<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C;
  const Real* bias = pass.parameters + op.kernel.area() * columns;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit / (out.height * out.width);
    const Index oy = unit / out.width % out.height, ox = unit % out.width;
    for (Index c = 0; c < C; ++c) {
      const Index column = op.shared ? 0 : c;
      Chain<Real> sum;
      for (const Segment s : Segments(op.kernel.height, op.kernel.width)) {
        for (Index ky = s.rows.begin; ky < s.rows.end; ++ky) {
          for (Index kx = s.terms.begin; kx < s.terms.end; ++kx) {
            const Index iy = oy * op.stride.height + ky, ix = ox * op.stride.width + kx;
            sum.term(pass.x[((b * op.in.height + iy) * op.in.width + ix) * C + c],
                     pass.parameters[(ky * op.kernel.width + kx) * columns + column]);
          }
        }
        sum.end_segment();
      }
      pass.y[unit * C + c] = op.bias ? sum.total() + bias[column] : sum.total();
    }
  }
}

// Unit: one input pixel (sample, iy, ix).
template <class Real>
void input_gradient(const Subsample& op, const InputGradient<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit / (op.in.height * op.in.width);
    const Index iy = unit / op.in.width % op.in.height, ix = unit % op.in.width;
    const Phase py = phase_of(iy, 0, op.kernel.height, op.stride.height);
    const Phase px = phase_of(ix, 0, op.kernel.width, op.stride.width);
    for (Index c = 0; c < C; ++c) {
      Chain<Real> sum;
      if (py.taps > 0 && px.taps > 0) {
        for (const Segment s : Segments(py.taps, px.taps)) {
          for (Index j = s.rows.begin; j < s.rows.end; ++j) {
            const Index ky = py.tap(j, op.stride.height);
            const Index oy = (iy - ky) / op.stride.height;
            if (iy < ky || oy >= out.height) continue;
            for (Index i = s.terms.begin; i < s.terms.end; ++i) {
              const Index kx = px.tap(i, op.stride.width);
              const Index ox = (ix - kx) / op.stride.width;
              if (ix < kx || ox >= out.width) continue;
              sum.term(
                  pass.dy[((b * out.height + oy) * out.width + ox) * C + c],
                  pass.parameters[(ky * op.kernel.width + kx) * columns + (op.shared ? 0 : c)]);
            }
          }
          sum.end_segment();
        }
      }
      pass.dx[unit * C + c] = sum.total();
    }
  }
}

// Unit: one row of the parameter block, (ky, kx) or the bias.
template <class Real>
void weight_gradient(const Subsample& op, const WeightGradient<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, columns = op.shared ? 1 : C, taps = op.kernel.area();
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index ky = unit / op.kernel.width, kx = unit % op.kernel.width;
    for (Index column = 0; column < columns; ++column) {
      const Range channels = op.shared ? Range{0, C} : Range{column, column + 1};
      Chain<Real> sum;
      for (Index b = 0; b < pass.samples; ++b) {
        for (const Segment s : Segments(out.height, out.width)) {
          for (Index c = channels.begin; c < channels.end; ++c) {
            for (Index oy = s.rows.begin; oy < s.rows.end; ++oy) {
              for (Index ox = s.terms.begin; ox < s.terms.end; ++ox) {
                const Index iy = oy * op.stride.height + ky, ix = ox * op.stride.width + kx;
                const Real x = unit == taps
                                   ? Real{1}
                                   : pass.x[((b * op.in.height + iy) * op.in.width + ix) * C + c];
                sum.term(x, pass.dy[((b * out.height + oy) * out.width + ox) * C + c]);
              }
            }
            sum.end_segment();
          }
        }
      }
      pass.gradient[unit * columns + column] = sum.total();
    }
  }
}

}  // namespace convoy::reference
