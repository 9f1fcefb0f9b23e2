// SPDX-License-Identifier: Apache-2.0
// CUDA's names for kernels, for the host's compiler. The threads of a grid are fibers: each runs
// until it waits (for its block, its warp or its grid) or is done, then another continues. The
// schedule chooses the order; the results of a kernel must not depend on it. (Tests alone use
// this.)
//
// It finds these errors:
//   - A barrier is missing: in one order or another, a thread that runs ahead reads memory that is
//     not written yet and holds NaN. `omitted` makes such an error on purpose.
//   - Not all threads of a block arrive at a barrier: FiberError.
// It does not show how a GPU's memory orders accesses between barriers, nor streams, graphs and
// speed.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>

#include "runtime/gpu/launch.hpp"

// These names, and those of the functions below, are those of CUDA.
// NOLINTBEGIN(bugprone-reserved-identifier)
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// NOLINTEND(bugprone-reserved-identifier)

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
  std::uint64_t seed = 1;  // for Order::shuffled
  std::string omitted;     // "file:line" of a barrier that does nothing; empty: none
};

// The schedule of the calling thread's next grids.
Schedule& schedule();
// The barriers at which threads of its grids arrived, "file:line": of a block, and of a grid.
struct Barriers {
  std::set<std::string> block, grid;
};
Barriers& barriers_seen();

class FiberError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Runs a grid to its end. `cooperative`: all blocks run at once, as a grid barrier needs; otherwise
// a few at a time.
void run_grid(unsigned blocks, unsigned threads, std::size_t shared_bytes, bool cooperative,
              const std::function<void()>& kernel);

// For the fiber that runs.
Dim thread_index();
Dim block_index();
Dim block_size();
Dim grid_size();
void* shared_bytes();
// `file` and `line` are the place of the call. (clang 14 has no std::source_location.)
void sync_block(const char* file, int line);
void sync_grid(const char* file, int line);
std::uint64_t shuffle(std::uint64_t value, int source, int width);

}  // namespace convoy::fibers

#define threadIdx (::convoy::fibers::thread_index())
#define blockIdx (::convoy::fibers::block_index())
#define blockDim (::convoy::fibers::block_size())
#define gridDim (::convoy::fibers::grid_size())

// NOLINTBEGIN(bugprone-reserved-identifier)
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  convoy::fibers::sync_block(file, line);
}

inline float __shfl_sync(unsigned, float value, int source, int width = 32) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint64_t got = convoy::fibers::shuffle(bits, source, width);
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(got));
}
// NOLINTEND(bugprone-reserved-identifier)

namespace convoy::gpu {

inline void grid_barrier(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  fibers::sync_grid(file, line);
}

template <class T>
T* shared_memory() {
  return static_cast<T*>(fibers::shared_bytes());
}

inline void set_condition(Condition condition, bool value) {
  // CUDA's handle is an integer; here it holds an address.
  *reinterpret_cast<bool*>(condition) = value;  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace convoy::gpu
