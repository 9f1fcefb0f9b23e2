// SPDX-License-Identifier: Apache-2.0
// The names of CUDA that Convoy's kernels use. nvcc defines them. Where the host's compiler reads
// the same sources, fibers.hpp defines them: every thread of a grid is a fiber on one core, so that
// kernels can be tested, and run in a debugger or with a sanitizer, without a GPU.
//
//   __global__ __device__ threadIdx blockIdx blockDim gridDim __syncthreads() __shfl_sync()
//                        as in the CUDA C++ Programming Guide; a shuffle takes all lanes of a warp
//   grid_barrier()       a barrier of all threads of a cooperative launch; afterwards each thread
//                        sees what the others wrote before
//   shared_memory<T>()   the dynamic shared memory of the block
//   set_condition(h, c)  sets whether a graph's loop runs once more (gpu.hpp)
#pragma once

#if defined(__CUDACC__)

#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include "runtime/gpu/launch.hpp"

#define CONVOY_UNROLL(count) _Pragma(CONVOY_STRING(unroll count))
#define CONVOY_STRING(text) #text

namespace convoy::gpu {

__device__ inline void grid_barrier() {
  // A block alone needs no round trip through the second-level cache.
  if (gridDim.x == 1) {
    __syncthreads();
  } else {
    cooperative_groups::this_grid().sync();
  }
}

template <class T>
__device__ T* shared_memory() {
  extern __shared__ float4 convoy_shared_memory[];  // aligned to the widest access
  return reinterpret_cast<T*>(convoy_shared_memory);
}

__device__ inline void set_condition(Condition condition, bool value) {
  cudaGraphSetConditional(condition, value ? 1U : 0U);
}

}  // namespace convoy::gpu

#else

#include "runtime/gpu/fibers.hpp"

#define CONVOY_UNROLL(count)

#endif
