// SPDX-License-Identifier: Apache-2.0
// Trainable subsampling (ops/subsample.hpp). All passes are output-stationary: a thread owns one
// output, one input pixel, or one segment of one channel of a weight row. Its sums are short (a
// kernel's area; a segment), so no micro-kernel is needed; a kernel's weights come from the
// first-level cache. Traffic: the inputs of each window once, each output once; in a weight
// gradient x and dy once per tap. Neighbouring threads take neighbouring channels. Grid: any.
#pragma once

#include "ops/cuda/chain.cuh"
#include "ops/cuda/group.cuh"
#include "ops/cuda/packing.hpp"
#include "ops/cuda/pixel.cuh"
#include "ops/cuda/product.hpp"
#include "ops/pass.hpp"

namespace convoy::cuda {

struct Subsampling {
  bool shared = true, bias = true;
  int height = 1, width = 1, channels = 1, out_height = 1, out_width = 1;
  int kernel_height = 1, kernel_width = 1, stride_height = 1, stride_width = 1;
  int columns = 1;  // of the weights
};

inline Subsampling in_32_bits(const Subsample& op) {
  const Shape out = output_shape(op);
  Subsampling small;
  small.shared = op.shared, small.bias = op.bias;
  small.height = in_32_bits(op.in.height), small.width = in_32_bits(op.in.width);
  small.channels = in_32_bits(op.in.channels);
  small.out_height = in_32_bits(out.height), small.out_width = in_32_bits(out.width);
  small.kernel_height = in_32_bits(op.kernel.height),
  small.kernel_width = in_32_bits(op.kernel.width);
  small.stride_height = in_32_bits(op.stride.height),
  small.stride_width = in_32_bits(op.stride.width);
  small.columns = in_32_bits(parameter_shape(op).columns);
  return small;
}

inline Partials gradient_partials(const Subsample& op, const Work& /*work*/) {
  const Shape out = output_shape(op);
  const int segments = cuts_of(in_32_bits(out.height), in_32_bits(out.width)).segments;
  const int count = segments * (op.shared ? in_32_bits(op.in.channels) : 1);
  return {false, count, parameter_shape(op).size() * count};
}

__device__ inline void forward(const Subsampling& s, const Forward<float>& pass,
                               const Group& group) {
  const int size = static_cast<int>(pass.samples) * s.out_height * s.out_width * s.channels;
  const float* const bias = pass.parameters + s.kernel_height * s.kernel_width * s.columns;
  const Cuts cuts = cuts_of(s.kernel_height, s.kernel_width);
  for (int i = group.rank; i < size; i += group.size) {
    const auto [sample, oy, ox, c] = pixel_of(i, s.out_height, s.out_width, s.channels);
    const int column = s.shared ? 0 : c;
    const float* const x = pass.x + static_cast<Index>(sample) * s.height * s.width * s.channels +
                           (oy * s.stride_height * s.width + ox * s.stride_width) * s.channels + c;
    Chain sum;
    for (int segment = 0; segment < cuts.segments; ++segment) {
      const SegmentCut cut = segment_of(cuts, segment);
      for (int ky = cut.first_row; ky < cut.first_row + cut.rows; ++ky) {
        for (int kx = cut.first_term; kx < cut.first_term + cut.terms; ++kx) {
          sum.term(x[(ky * s.width + kx) * s.channels],
                   pass.parameters[(ky * s.kernel_width + kx) * s.columns + column]);
        }
      }
      sum.end_segment();
    }
    pass.y[i] = s.bias ? sum.total() + bias[column] : sum.total();
  }
}

__device__ inline void input_gradient(const Subsampling& s, const InputGradient<float>& pass,
                                      const Group& group) {
  const int size = static_cast<int>(pass.samples) * s.height * s.width * s.channels;
  for (int i = group.rank; i < size; i += group.size) {
    const auto [sample, iy, ix, c] = pixel_of(i, s.height, s.width, s.channels);
    const float* const dy =
        pass.dy + static_cast<Index>(sample) * s.out_height * s.out_width * s.channels + c;
    const int first_y = iy % s.stride_height, first_x = ix % s.stride_width;
    const int taps_y = phase_taps(first_y, s.kernel_height, s.stride_height);
    const int taps_x = phase_taps(first_x, s.kernel_width, s.stride_width);
    Chain sum;
    if (taps_y > 0 && taps_x > 0) {
      const Cuts cuts = cuts_of(taps_y, taps_x);
      for (int segment = 0; segment < cuts.segments; ++segment) {
        const SegmentCut cut = segment_of(cuts, segment);
        for (int j = cut.first_row; j < cut.first_row + cut.rows; ++j) {
          const int ky = first_y + s.stride_height * (taps_y - 1 - j);
          const int oy = (iy - ky) / s.stride_height;
          if (iy < ky || oy >= s.out_height) continue;
          for (int t = cut.first_term; t < cut.first_term + cut.terms; ++t) {
            const int kx = first_x + s.stride_width * (taps_x - 1 - t);
            const int ox = (ix - kx) / s.stride_width;
            if (ix < kx || ox >= s.out_width) continue;
            sum.term(dy[(oy * s.out_width + ox) * s.channels],
                     pass.parameters[(ky * s.kernel_width + kx) * s.columns + (s.shared ? 0 : c)]);
          }
        }
        sum.end_segment();
      }
    }
    pass.dx[i] = sum.total();
  }
}

// Writes the value of each segment of each sample; they are added up in order later:
//   shared   partial (segment, channel) of a row     own   partial (segment) of a row and column
__device__ inline void weight_gradient(const Subsampling& s, const float* x, const float* dy,
                                       float* partials, int stride, const Samples& samples,
                                       const Group& group) {
  const int taps = s.kernel_height * s.kernel_width, rows = taps + (s.bias ? 1 : 0);
  const Cuts cuts = cuts_of(s.out_height, s.out_width);
  const int of_sample = cuts.segments * rows * s.channels;
  const int size = samples.count * of_sample;
  for (int i = group.rank; i < size; i += group.size) {
    const int sample = i / of_sample;
    int rest = i - sample * of_sample;
    const int number = rest / (rows * s.channels);
    rest -= number * rows * s.channels;
    const int row = rest / s.channels, c = rest - row * s.channels;
    const int ky = row / s.kernel_width, kx = row - ky * s.kernel_width;
    const SegmentCut cut = segment_of(cuts, number);
    const float* const image = x + static_cast<Index>(sample) * s.height * s.width * s.channels;
    const float* const slope =
        dy + static_cast<Index>(sample) * s.out_height * s.out_width * s.channels;
    float sum = 0;
    for (int oy = cut.first_row; oy < cut.first_row + cut.rows; ++oy) {
      for (int ox = cut.first_term; ox < cut.first_term + cut.terms; ++ox) {
        const int iy = oy * s.stride_height + ky, ix = ox * s.stride_width + kx;
        const float value = row == taps ? 1.0F : image[(iy * s.width + ix) * s.channels + c];
        sum = std::fma(value, slope[(oy * s.out_width + ox) * s.channels + c], sum);
      }
    }
    const int index =
        s.shared ? (number * s.channels + c) * rows + row : (number * rows + row) * s.channels + c;
    partials[static_cast<Index>(sample) * stride + index] = sum;
  }
}

}  // namespace convoy::cuda
