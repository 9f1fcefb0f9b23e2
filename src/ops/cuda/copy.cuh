// SPDX-License-Identifier: Apache-2.0
// Copies and borders (product.hpp). A thread writes one number at a time. The kernels are bound by
// bandwidth; neighbouring threads use neighbouring addresses. Grid: any.
#pragma once

#include "ops/cuda/group.cuh"
#include "ops/cuda/product.hpp"

namespace convoy::cuda {

__device__ inline void run(const Copy& copy, const Memories& memories, const Samples& samples,
                           const Group& group) {
  const float* const from = resolve(copy.from, memories);
  float* const to = resolve(copy.to, memories);
  const int size = samples.count * copy.size;
  for (int i = group.rank; i < size; i += group.size) {
    const int sample = i / copy.size, element = i - sample * copy.size;
    const float value = from[static_cast<Index>(sample) * copy.from.stride + element];
    float& target = to[static_cast<Index>(sample) * copy.to.stride + element];
    target = copy.adds ? target + value : value;
  }
}

__device__ inline void run(const Border& border, const Memories& memories, const Samples& samples,
                           const Group& group) {
  const float* const from = resolve(border.from, memories);
  float* const to = resolve(border.to, memories);
  const int line = (border.left + border.width + border.right) * border.channels;
  const int rows = border.top + border.height + border.bottom;
  const int size = samples.count * rows * line;
  for (int i = group.rank; i < size; i += group.size) {
    const int row_of_all = i / line, column = i - row_of_all * line - border.left * border.channels;
    const int sample = row_of_all / rows, row = row_of_all - sample * rows - border.top;
    const bool inside =
        row >= 0 && row < border.height && column >= 0 && column < border.width * border.channels;
    const Index source = static_cast<Index>(sample) * border.from.stride +
                         row * border.width * border.channels + column;
    to[static_cast<Index>(sample) * border.to.stride + i - sample * rows * line] =
        inside ? from[source] : 0.0F;
  }
}

}  // namespace convoy::cuda
