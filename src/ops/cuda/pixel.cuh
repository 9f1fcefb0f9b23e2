// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/gpu/kernel.hpp"

namespace convoy::cuda {

// The position of element `i` of images [sample][height][width][channels].
struct Pixel {
  int sample, y, x, channel;
};

__device__ inline Pixel pixel_of(int i, int height, int width, int channels) {
  const int pixel = i / channels, row = pixel / width, sample = row / height;
  return {sample, row - sample * height, pixel - row * width, i - pixel * channels};
}

}  // namespace convoy::cuda
