// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/gpu/kernel.hpp"

namespace convoy::cuda {

// The threads that share a task: those of a block or of a grid. They are whole warps.
struct Group {
  int rank = 0;
  int size = 1;
};

__device__ inline Group block_group() {
  return {static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x)};
}

__device__ inline Group grid_group() {
  return {static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
          static_cast<int>(gridDim.x * blockDim.x)};
}

}  // namespace convoy::cuda
