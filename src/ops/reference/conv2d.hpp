// SPDX-License-Identifier: Apache-2.0
// The executable specification of conv2d.hpp. It is naive on purpose.
#pragma once

#include "ops/conv2d.hpp"
#include "ops/pass.hpp"
#include "ops/phase.hpp"
#include "ops/reference/chain.hpp"
#include "ops/segments.hpp"

namespace convoy::reference {

// x[b][iy][ix][c], +0 outside.
template <class Real>
Real padded(const Real* x, const Shape& shape, Index b, Index iy, Index ix, Index c) {
  if (iy < 0 || iy >= shape.height || ix < 0 || ix >= shape.width) return 0;
  return x[((b * shape.height + iy) * shape.width + ix) * shape.channels + c];
}

// Unit: one output pixel (sample, oy, ox).
template <class Real>
void forward(const Conv2d& op, const Forward<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, F = op.filters, taps = op.kernel.area() * C;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit / (out.height * out.width);
    const Index oy = unit / out.width % out.height, ox = unit % out.width;
    for (Index f = 0; f < F; ++f) {
      Chain<Real> sum;
      for (const Segment s : Segments(op.kernel.height, op.kernel.width * C)) {
        for (Index ky = s.rows.begin; ky < s.rows.end; ++ky) {
          for (Index t = s.terms.begin; t < s.terms.end; ++t) {
            const Index kx = t / C, c = t % C;
            sum.term(padded(pass.x, op.in, b, oy * op.stride.height + ky - op.padding.height,
                            ox * op.stride.width + kx - op.padding.width, c),
                     pass.parameters[(ky * op.kernel.width * C + t) * F + f]);
          }
        }
        sum.end_segment();
      }
      pass.y[unit * F + f] = op.bias ? sum.total() + pass.parameters[taps * F + f] : sum.total();
    }
  }
}

// Unit: one input pixel (sample, iy, ix).
template <class Real>
void input_gradient(const Conv2d& op, const InputGradient<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, F = op.filters;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit / (op.in.height * op.in.width);
    const Index iy = unit / op.in.width % op.in.height, ix = unit % op.in.width;
    const Phase py = phase_of(iy, op.padding.height, op.kernel.height, op.stride.height);
    const Phase px = phase_of(ix, op.padding.width, op.kernel.width, op.stride.width);
    for (Index c = 0; c < C; ++c) {
      Chain<Real> sum;
      if (py.taps > 0 && px.taps > 0) {
        for (const Segment s : Segments(py.taps, px.taps * F)) {
          for (Index j = s.rows.begin; j < s.rows.end; ++j) {
            const Index ky = py.tap(j, op.stride.height);
            for (Index t = s.terms.begin; t < s.terms.end; ++t) {
              const Index kx = px.tap(t / F, op.stride.width), f = t % F;
              const Index oy = (iy + op.padding.height - ky) / op.stride.height;
              const Index ox = (ix + op.padding.width - kx) / op.stride.width;
              // (These are whole numbers: the taps are those of the phase.)
              if (iy + op.padding.height < ky || oy >= out.height) continue;
              if (ix + op.padding.width < kx || ox >= out.width) continue;
              sum.term(pass.dy[((b * out.height + oy) * out.width + ox) * F + f],
                       pass.parameters[((ky * op.kernel.width + kx) * C + c) * F + f]);
            }
          }
          sum.end_segment();
        }
      }
      pass.dx[unit * C + c] = sum.total() + Real{0};
    }
  }
}

// Unit: one row of the parameter block, (ky, kx, c) or the bias.
template <class Real>
void weight_gradient(const Conv2d& op, const WeightGradient<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels, F = op.filters, taps = op.kernel.area() * C;
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index ky = unit / (op.kernel.width * C), kx = unit / C % op.kernel.width, c = unit % C;
    for (Index f = 0; f < F; ++f) {
      Chain<Real> sum;
      for (Index b = 0; b < pass.samples; ++b) {
        for (const Segment s : Segments(out.height, out.width)) {
          for (Index oy = s.rows.begin; oy < s.rows.end; ++oy) {
            for (Index ox = s.terms.begin; ox < s.terms.end; ++ox) {
              const Real dy = pass.dy[((b * out.height + oy) * out.width + ox) * F + f];
              const Real x = unit == taps ? Real{1}
                                          : padded(pass.x, op.in, b,
                                                   oy * op.stride.height + ky - op.padding.height,
                                                   ox * op.stride.width + kx - op.padding.width, c);
              sum.term(x, dy);
            }
          }
          sum.end_segment();
        }
      }
      pass.gradient[unit * F + f] = sum.total();
    }
  }
}

}  // namespace convoy::reference
