// SPDX-License-Identifier: Apache-2.0
// The executable specification of pool2d.hpp.
#pragma once

#include "ops/pass.hpp"
#include "ops/pool2d.hpp"
#include "ops/reference/chain.hpp"
#include "ops/segments.hpp"

namespace convoy::reference {

// Unit: one output pixel (sample, oy, ox).
template <class Real>
void forward(const Pool2d& op, const Forward<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels;
  const Real scale = Real{1} / static_cast<Real>(op.kernel.area());
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit / (out.height * out.width);
    const Index top = unit / out.width % out.height * op.stride.height - op.padding.height;
    const Index left = unit % out.width * op.stride.width - op.padding.width;
    for (Index c = 0; c < C; ++c) {
      Chain<Real> sum;
      Real best = 0;
      Argmax argmax = -1;
      for (const Segment s : Segments(op.kernel.height, op.kernel.width)) {
        for (Index ky = s.rows.begin; ky < s.rows.end; ++ky) {
          for (Index kx = s.terms.begin; kx < s.terms.end; ++kx) {
            const Index iy = top + ky, ix = left + kx;
            if (iy < 0 || iy >= op.in.height || ix < 0 || ix >= op.in.width) continue;
            const Real x = pass.x[((b * op.in.height + iy) * op.in.width + ix) * C + c];
            sum.term(x);
            if (argmax < 0 || x > best) {
              best = x;
              argmax = static_cast<Argmax>(ky * op.kernel.width + kx);
            }
          }
        }
        sum.end_segment();
      }
      if (op.pooling == Pooling::max) {
        pass.y[unit * C + c] = best;
        pass.argmax[unit * C + c] = argmax;
      } else {
        pass.y[unit * C + c] = sum.total() * scale;
      }
    }
  }
}

// Unit: one input pixel (sample, iy, ix).
template <class Real>
void input_gradient(const Pool2d& op, const InputGradient<Real>& pass, Range units) {
  const Shape out = output_shape(op);
  const Index C = op.in.channels;
  const Real scale = Real{1} / static_cast<Real>(op.kernel.area());
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index b = unit / (op.in.height * op.in.width);
    const Index py = unit / op.in.width % op.in.height + op.padding.height;
    const Index px = unit % op.in.width + op.padding.width;
    const Range ys = windows_at(py, op.kernel.height, op.stride.height, out.height);
    const Range xs = windows_at(px, op.kernel.width, op.stride.width, out.width);
    for (Index c = 0; c < C; ++c) {
      Real sum = 0;
      for (Index oy = ys.begin; oy < ys.end; ++oy) {
        for (Index ox = xs.begin; ox < xs.end; ++ox) {
          const Index at = ((b * out.height + oy) * out.width + ox) * C + c;
          const Index tap =
              (py - oy * op.stride.height) * op.kernel.width + px - ox * op.stride.width;
          if (op.pooling == Pooling::average) {
            sum = sum + pass.dy[at] * scale;
          } else if (pass.argmax[at] == tap) {
            sum = sum + pass.dy[at];
          }
        }
      }
      pass.dx[unit * C + c] = sum;
    }
  }
}

}  // namespace convoy::reference
