// SPDX-License-Identifier: Apache-2.0
// Max and average pooling (ops/pool2d.hpp). Both passes are output-stationary. In the forward pass
// a thread reads the window of one output. In the input gradient a thread reads the windows that
// hold one pixel, so nothing is scattered and the order never depends on timing. The kernels are
// bound by bandwidth; neighbouring threads take neighbouring channels. Grid: any.
#pragma once

#include "ops/cuda/chain.cuh"
#include "ops/cuda/group.cuh"
#include "ops/cuda/pixel.cuh"
#include "ops/cuda/product.hpp"
#include "ops/pass.hpp"

namespace convoy::cuda {

struct Pooling2d {
  Pooling pooling = Pooling::max;
  int height = 1, width = 1, channels = 1, out_height = 1, out_width = 1;
  int kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  int pad_height = 0, pad_width = 0;
};

inline Pooling2d in_32_bits(const Pool2d& op) {
  const Shape out = output_shape(op);
  Pooling2d small;
  small.pooling = op.pooling;
  small.height = in_32_bits(op.in.height), small.width = in_32_bits(op.in.width);
  small.channels = in_32_bits(op.in.channels);
  small.out_height = in_32_bits(out.height), small.out_width = in_32_bits(out.width);
  small.kernel_height = in_32_bits(op.kernel.height),
  small.kernel_width = in_32_bits(op.kernel.width);
  small.stride_height = in_32_bits(op.stride.height),
  small.stride_width = in_32_bits(op.stride.width);
  small.pad_height = in_32_bits(op.padding.height), small.pad_width = in_32_bits(op.padding.width);
  return small;
}

__device__ inline float average(const Pooling2d& s, const float* image, int top, int left, int c) {
  Chain sum;
  const Cuts cuts = cuts_of(s.kernel_height, s.kernel_width);
  for (int segment = 0; segment < cuts.segments; ++segment) {
    const SegmentCut cut = segment_of(cuts, segment);
    for (int row = 0; row < cut.rows; ++row) {
      for (int term = 0; term < cut.terms; ++term) {
        const int iy = top + cut.first_row + row, ix = left + cut.first_term + term;
        if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
        sum.term(image[(iy * s.width + ix) * s.channels + c]);
      }
    }
    sum.end_segment();
  }
  return sum.total() * (1.0F / static_cast<float>(s.kernel_height * s.kernel_width));
}

struct Winner {
  float value = 0;
  Argmax tap = -1;
};

__device__ inline Winner maximum(const Pooling2d& s, const float* image, int top, int left, int c) {
  Winner best;
  for (int ky = 0; ky < s.kernel_height; ++ky) {
    for (int kx = 0; kx < s.kernel_width; ++kx) {
      const int iy = top + ky, ix = left + kx;
      if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
      const float x = image[(iy * s.width + ix) * s.channels + c];
      if (best.tap < 0 || x > best.value) best = {x, ky * s.kernel_width + kx};
    }
  }
  return best;
}

__device__ inline void forward(const Pooling2d& s, const Forward<float>& pass, const Group& group) {
  const int size = static_cast<int>(pass.samples) * s.out_height * s.out_width * s.channels;
  for (int i = group.rank; i < size; i += group.size) {
    const auto [sample, oy, ox, c] = pixel_of(i, s.out_height, s.out_width, s.channels);
    const float* const image =
        pass.x + static_cast<Index>(sample) * s.height * s.width * s.channels;
    const int top = oy * s.stride_height - s.pad_height, left = ox * s.stride_width - s.pad_width;
    if (s.pooling == Pooling::average) {
      pass.y[i] = average(s, image, top, left, c);
    } else {
      const Winner winner = maximum(s, image, top, left, c);
      pass.y[i] = winner.value;
      pass.argmax[i] = winner.tap;
    }
  }
}

// The windows along one axis that hold a position (windows_at() of ops/pool2d.hpp).
__device__ inline int first_window(int position, int kernel, int stride) {
  return position < kernel ? 0 : (position - kernel) / stride + 1;
}

__device__ inline void input_gradient(const Pooling2d& s, const InputGradient<float>& pass,
                                      const Group& group) {
  const float scale = 1.0F / static_cast<float>(s.kernel_height * s.kernel_width);
  const int size = static_cast<int>(pass.samples) * s.height * s.width * s.channels;
  for (int i = group.rank; i < size; i += group.size) {
    const auto [sample, iy, ix, c] = pixel_of(i, s.height, s.width, s.channels);
    const int py = iy + s.pad_height, px = ix + s.pad_width;
    const int y_end = std::min(py / s.stride_height + 1, s.out_height);
    const int x_end = std::min(px / s.stride_width + 1, s.out_width);
    float sum = 0;
    for (int oy = first_window(py, s.kernel_height, s.stride_height); oy < y_end; ++oy) {
      for (int ox = first_window(px, s.kernel_width, s.stride_width); ox < x_end; ++ox) {
        const int at = ((sample * s.out_height + oy) * s.out_width + ox) * s.channels + c;
        const int tap = (py - oy * s.stride_height) * s.kernel_width + px - ox * s.stride_width;
        if (s.pooling == Pooling::average) {
          sum = sum + pass.dy[at] * scale;
        } else if (pass.argmax[at] == tap) {
          sum = sum + pass.dy[at];
        }
      }
    }
    pass.dx[i] = sum;
  }
}

}  // namespace convoy::cuda
