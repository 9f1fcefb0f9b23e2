// SPDX-License-Identifier: Apache-2.0
// The executable specification of batch_norm2d.hpp.
#pragma once

#include "ops/batch_norm2d.hpp"
#include "ops/op.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"

namespace convoy::reference {

// The sum over the pixels of all samples of one channel: chains of next(chain, pixel).
template <class Next>
double sum_of_pixels(const Shape& in, Index samples, const Next& next) {
  double total = 0;
  bool is_first = true;
  for (Index b = 0; b < samples; ++b) {
    for (const Segment s : Segments(in.height, in.width)) {
      double sum = 0;
      for (Index y = s.rows.begin; y < s.rows.end; ++y) {
        for (Index x = s.terms.begin; x < s.terms.end; ++x) {
          sum = next(sum, (b * in.height + y) * in.width + x);
        }
      }
      total = is_first ? sum : total + sum;
      is_first = false;
    }
  }
  return total;
}

// Unit: kColumnBlock channels.
template <class Real>
void statistics(const BatchNorm2d& op, const StatisticsPass<Real>& pass, Range units) {
  const Index C = op.in.channels;
  const auto n = static_cast<double>(pass.samples * op.in.height * op.in.width);
  const Range channels{units.begin * kColumnBlock, std::min(units.end * kColumnBlock, C)};
  for (Index c = channels.begin; c < channels.end; ++c) {
    const double sum = sum_of_pixels(op.in, pass.samples, [&](double chain, Index pixel) {
      return chain + static_cast<double>(pass.x[pixel * C + c]);
    });
    const double mean = sum / n;
    pass.values[c] = mean;
    pass.values[C + c] = sum_of_pixels(op.in, pass.samples, [&](double chain, Index pixel) {
      const double deviation = static_cast<double>(pass.x[pixel * C + c]) - mean;
      return std::fma(deviation, deviation, chain);
    });
  }
}

template <class Real>
void gradient_statistics(const BatchNorm2d& op, const StatisticsPass<Real>& pass, Range units) {
  const Index C = op.in.channels;
  const Range channels{units.begin * kColumnBlock, std::min(units.end * kColumnBlock, C)};
  const auto dy = [&](Index i) {
    return op.relu && !(pass.y[i] > 0) ? 0.0 : static_cast<double>(pass.dy[i]);
  };
  for (Index c = channels.begin; c < channels.end; ++c) {
    pass.values[c] = sum_of_pixels(
        op.in, pass.samples, [&](double chain, Index pixel) { return chain + dy(pixel * C + c); });
    pass.values[C + c] = sum_of_pixels(op.in, pass.samples, [&](double chain, Index pixel) {
      const Index i = pixel * C + c;
      return std::fma(dy(i), static_cast<double>(pass.x[i]) - pass.mean[c], chain);
    });
  }
}

// Unit: one pixel (sample, row, column).
template <class Real>
void forward(const BatchNorm2d& op, const Forward<Real>& pass, Range units) {
  const Index C = op.in.channels;
  const Real* const scale = row(pass.parameters, Coefficient::scale, C);
  const Real* const shift = row(pass.parameters, Coefficient::shift, C);
  for (Index unit = units.begin; unit < units.end; ++unit) {
    for (Index c = 0; c < C; ++c) {
      const Real y = std::fma(pass.x[unit * C + c], scale[c], shift[c]);
      pass.y[unit * C + c] = op.relu && !(y > 0) ? Real{0} : y;
    }
  }
}

// Unit: one pixel (sample, row, column).
template <class Real>
void input_gradient(const BatchNorm2d& op, const InputGradient<Real>& pass, Range units) {
  const Index C = op.in.channels;
  const Real* const dy_factor = row(pass.parameters, Coefficient::dy_factor, C);
  const Real* const x_factor = row(pass.parameters, Coefficient::x_factor, C);
  const Real* const offset = row(pass.parameters, Coefficient::offset, C);
  for (Index unit = units.begin; unit < units.end; ++unit) {
    for (Index c = 0; c < C; ++c) {
      const Index i = unit * C + c;
      const Real dy = op.relu && !(pass.y[i] > 0) ? Real{0} : pass.dy[i];
      pass.dx[i] = std::fma(dy, dy_factor[c], std::fma(pass.x[i], x_factor[c], offset[c]));
    }
  }
}

}  // namespace convoy::reference
