// SPDX-License-Identifier: Apache-2.0
// Batch normalisation (ops/batch_norm2d.hpp) on a GPU.
//
//   forward, input gradient   a thread computes one number at a time and reads each input once
//   statistics                a thread computes both values of a channel for a grain: it alone adds
//                             its numbers, in the order of the header. Neighbouring threads take
//                             neighbouring channels. (Traffic: x twice, or x and dy once.)
//
// The reduction over grains is runtime/cuda/statistics.cuh. Grid: any.
#pragma once

#include "ops/batch_norm2d.hpp"
#include "ops/cuda/group.cuh"
#include "ops/cuda/product.hpp"
#include "ops/segments.hpp"

namespace convoy::cuda {

struct Normalizing {
  int channels = 1;
  int size = 1;  // numbers of a sample
};

inline Normalizing in_32_bits(const BatchNorm2d& op) {
  return {in_32_bits(op.in.channels), in_32_bits(op.in.size())};
}

// The coefficients of a sample.
__device__ inline const float* coefficients_of(const Samples& samples, const float* first_set,
                                               int sample) {
  if (samples.set_samples == 0) return first_set;
  return first_set +
         static_cast<Index>((samples.first + sample) / samples.set_samples) * samples.set_size;
}

__device__ inline void forward(const Normalizing& op, const Forward<float>& pass,
                               const Samples& samples, const Group& group) {
  const int size = samples.count * op.size;
  for (int i = group.rank; i < size; i += group.size) {
    const float* const c = coefficients_of(samples, pass.parameters, i / op.size) + i % op.channels;
    pass.y[i] = std::fma(pass.x[i], *row(c, Coefficient::scale, op.channels),
                         *row(c, Coefficient::shift, op.channels));
  }
}

__device__ inline void input_gradient(const Normalizing& op, const InputGradient<float>& pass,
                                      const Samples& samples, const Group& group) {
  const int size = samples.count * op.size;
  for (int i = group.rank; i < size; i += group.size) {
    const float* const c = coefficients_of(samples, pass.parameters, i / op.size) + i % op.channels;
    const float from_x = std::fma(pass.x[i], *row(c, Coefficient::x_factor, op.channels),
                                  *row(c, Coefficient::offset, op.channels));
    pass.dx[i] = std::fma(pass.dy[i], *row(c, Coefficient::dy_factor, op.channels), from_x);
  }
}

// The statistics of each grain of this rank: values [grain][2][channels] in double.
struct GrainStatistics {
  Operand x, dy;         // dy: of the backward pass
  Operand values;        // two floats of memory for each double
  Operand coefficients;  // of the first set
  Normalizing op;
  bool backward = false;
  int height = 1, width = 1;
};

// The sum of next(chain, pixel) over the pixels of some samples, segment by segment.
template <class Next>
__device__ double sum_of_pixels(int height, int width, int samples, const Next& next) {
  const int whole_rows = width < kSegmentTerms ? static_cast<int>(kSegmentTerms) / width : 1;
  double total = 0;
  bool is_first = true;
  for (int b = 0; b < samples; ++b) {
    for (int y = 0; y < height; y += whole_rows) {
      const int row = (b * height + y) * width;
      const int end = row + (y + whole_rows < height ? whole_rows : height - y) * width;
      for (int first = row; first < end;) {
        const int last = width > kSegmentTerms && end - first > kSegmentTerms
                             ? first + static_cast<int>(kSegmentTerms)
                             : end;
        double sum = 0;
        for (int pixel = first; pixel < last; ++pixel) sum = next(sum, pixel);
        total = is_first ? sum : total + sum;
        is_first = false;
        first = last;
      }
    }
  }
  return total;
}

__device__ inline void run(const GrainStatistics& task, const Memories& memories,
                           const Samples& samples, const Group& group) {
  const int C = task.op.channels;
  const int grains = (samples.count + samples.grain - 1) / samples.grain;
  auto* const values = reinterpret_cast<double*>(resolve(task.values, memories));
  for (int i = group.rank; i < grains * C; i += group.size) {
    const int grain = i / C, c = i - grain * C;
    const int begin = grain * samples.grain;
    const int count = begin + samples.grain < samples.count ? samples.grain : samples.count - begin;
    const float* const x = resolve(task.x, memories) + Index{begin} * task.op.size + c;
    double* const value = values + Index{grain} * 2 * C + c;
    if (task.backward) {
      const float* const dy = resolve(task.dy, memories) + Index{begin} * task.op.size + c;
      const float* const set =
          coefficients_of(samples, resolve(task.coefficients, memories), begin);
      const double mean = means(set, C)[c];
      value[0] = sum_of_pixels(task.height, task.width, count, [=](double chain, int pixel) {
        return chain + static_cast<double>(dy[Index{pixel} * C]);
      });
      value[C] = sum_of_pixels(task.height, task.width, count, [=](double chain, int pixel) {
        return std::fma(static_cast<double>(dy[Index{pixel} * C]),
                        static_cast<double>(x[Index{pixel} * C]) - mean, chain);
      });
      continue;
    }
    const double sum = sum_of_pixels(task.height, task.width, count, [=](double chain, int pixel) {
      return chain + static_cast<double>(x[Index{pixel} * C]);
    });
    const double mean = sum / (static_cast<double>(count) * task.height * task.width);
    value[0] = mean;
    value[C] = sum_of_pixels(task.height, task.width, count, [=](double chain, int pixel) {
      const double deviation = static_cast<double>(x[Index{pixel} * C]) - mean;
      return std::fma(deviation, deviation, chain);
    });
  }
}

}  // namespace convoy::cuda
