// SPDX-License-Identifier: Apache-2.0
// CUDA's words for kernels, for the host's compiler. The threads of a grid are fibers: each runs
// until it waits (for its block, its warp or its grid) or is done, then another goes on. In which
// order is the schedule's choice; what a kernel computes must not depend on it. (Tests alone use
// this.)
//
// What it finds:
//   - a barrier that is missing: threads that run ahead read what is not written yet (memory that
//     nobody wrote holds NaN), in one order or another. `omitted` plants such a fault.
//   - a barrier that not all threads of a block come to: FiberError.
// What it can't show: how a GPU's memory orders accesses between barriers; streams; graphs; speed.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>

#include "runtime/gpu/launch.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct float2 {
  float x, y;
};
struct float4 {
  float x, y, z, w;
};

namespace convoy::fibers {

struct Dim {
  unsigned x = 1;
};

struct Schedule {
  enum class Order { forward, backward, shuffled };
  Order order = Order::forward;
  std::uint64_t seed = 1;  // of shuffled
  std::string omitted;     // "file:line" of a barrier that does nothing; empty: none
};

// Of the calling thread; what its next grids are run with.
Schedule& schedule();
// Barriers that its grids came to, "file:line": of a block, and of a grid.
struct Barriers {
  std::set<std::string> block, grid;
};
Barriers& barriers_seen();

class FiberError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Runs a grid to its end. `cooperative`: all blocks at once, as a grid barrier needs it; otherwise
// a few at a time.
void run_grid(unsigned blocks, unsigned threads, std::size_t shared_bytes, bool cooperative,
              const std::function<void()>& kernel);

// Of the fiber that runs.
Dim thread_index();
Dim block_index();
Dim block_size();
Dim grid_size();
void* shared_bytes();
// (Of the caller's place. clang 14 has no std::source_location.)
void meet_block(const char* file, int line);
void meet_grid(const char* file, int line);
std::uint64_t shuffle(std::uint64_t value, int source, int width);

}  // namespace convoy::fibers

#define threadIdx (::convoy::fibers::thread_index())
#define blockIdx (::convoy::fibers::block_index())
#define blockDim (::convoy::fibers::block_size())
#define gridDim (::convoy::fibers::grid_size())

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  convoy::fibers::meet_block(file, line);
}

inline float __shfl_sync(unsigned, float value, int source, int width = 32) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint64_t got = convoy::fibers::shuffle(bits, source, width);
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(got));
}

namespace convoy::gpu {

inline void grid_barrier(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  fibers::meet_grid(file, line);
}

template <class T>
T* shared_memory() {
  return static_cast<T*>(fibers::shared_bytes());
}

inline void set_condition(Condition condition, bool value) {
  *reinterpret_cast<bool*>(condition) = value;
}

}  // namespace convoy::gpu
