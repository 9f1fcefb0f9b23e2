// SPDX-License-Identifier: Apache-2.0
// The layout in which input gradients read weights. They are transposed, and the taps that reach
// one position of the input (phase.hpp) lie one after the other, in descending order.
//
//   Conv2d  [phase of y][tap down][phase of x][tap down][f][c]      Dense  [n][k]
#pragma once

#include "base/host_device.hpp"
#include "ops/op.hpp"

namespace convoy::cuda {

// The numbers have 32 bits, since a GPU divides these fast.
struct Packing {
  int kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  int channels = 1, columns = 1;  // weights: rows [ky][kx][c], columns f
};

inline Packing packing_of(const Op& op) {
  const auto number = [](Index n) { return static_cast<int>(n); };
  if (const auto* conv = std::get_if<Conv2d>(&op)) {
    return {number(conv->kernel.height), number(conv->kernel.width), number(conv->stride.height),
            number(conv->stride.width),  number(conv->in.channels),  number(conv->filters)};
  }
  const ParameterShape shape = parameter_shape(op);
  return {1, 1, 1, 1, number(shape.taps), number(shape.columns)};
}

// The number of taps of a phase, and of all phases before it.
CONVOY_HOST_DEVICE constexpr int phase_taps(int phase, int kernel, int stride) {
  return phase < kernel ? (kernel - 1 - phase) / stride + 1 : 0;
}
CONVOY_HOST_DEVICE constexpr int taps_before(int phase, int kernel, int stride) {
  int taps = 0;
  for (int p = 0; p < phase; ++p) taps += phase_taps(p, kernel, stride);
  return taps;
}

CONVOY_HOST_DEVICE constexpr int packed_tap(int tap, int kernel, int stride) {
  const int phase = tap % stride;
  return taps_before(phase, kernel, stride) + phase_taps(phase, kernel, stride) - 1 -
         (tap - phase) / stride;
}

// The index of weight (row, column) in the packed weights.
CONVOY_HOST_DEVICE constexpr int packed_index(const Packing& p, int row, int column) {
  const int tap = row / p.channels, c = row - tap * p.channels;
  const int ky = tap / p.kernel_width, kx = tap - ky * p.kernel_width;
  const int tap_index = packed_tap(ky, p.kernel_height, p.stride_height) * p.kernel_width +
                        packed_tap(kx, p.kernel_width, p.stride_width);
  return (tap_index * p.columns + column) * p.channels + c;
}

}  // namespace convoy::cuda
