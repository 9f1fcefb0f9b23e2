// SPDX-License-Identifier: Apache-2.0
// The host's calls to a GPU: memory, copies, launches, loops of launches, times. cuda_runtime.cpp
// implements them with CUDA; fiber_runtime.cpp runs each kernel within its launch, as fibers on the
// calling thread.
//
// A call that fails throws SystemError(unavailable) with the call and the device. Where a device
// has too little memory, a call throws UserError(unavailable) with the bytes asked for and those
// that are free. Nothing here is thread-safe: a Gpu belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/tensor.hpp"
#include "runtime/gpu/launch.hpp"

namespace convoy::gpu {

struct Facts {
  std::string name;            // "NVIDIA H200"
  int compute_capability = 0;  // 90 is 9.0
  int multiprocessors = 0;
  int threads_per_block = 0;  // with which kernels are launched
  Index shared_bytes = 0;     // the most shared memory of a block
  Index memory_bytes = 0;
};

// The GPUs of this machine; empty where it has none, or no driver.
std::vector<Facts> devices();
std::string library();  // "CUDA 13.0"

struct GridSize {
  unsigned blocks = 1, threads = 1;
  std::size_t shared_bytes = 0;
  bool cooperative = false;  // grid_barrier() is used: all blocks run at once
};

// Memory of a device, or pinned memory of the host. It is freed with its last owner.
using Memory = std::shared_ptr<std::byte[]>;

// One device and one stream on it: the device does the calls in their order.
class Gpu {
 public:
  explicit Gpu(int device);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const Facts& facts() const;

  // Memory of the device, not initialised. `what` names it in the message of an error.
  Memory allocate(Index bytes, std::string_view what);
  // Pinned memory of the host: copies from and to it are fast, and kernels can read and write it.
  Memory allocate_pinned(Index bytes);

  void copy_to_device(std::byte* to, const std::byte* from, Index bytes);
  void copy_to_host(std::byte* to, const std::byte* from, Index bytes);
  void clear(std::byte* memory, Index bytes);

  // Waits until all previous calls are done; calls `meanwhile` from time to time.
  void wait(const std::function<void()>& meanwhile = {});

  // The number of blocks of this kernel that all multiprocessors together hold at once. Raises the
  // kernel's limit of shared memory to `shared_bytes`.
  template <class... Arguments>
  int resident_blocks(void (*kernel)(Arguments...), unsigned threads, std::size_t shared_bytes) {
    return resident_blocks(reinterpret_cast<const void*>(kernel), threads, shared_bytes);
  }

  template <class... Arguments>
  void launch(void (*kernel)(Arguments...), const GridSize& size,
              std::type_identity_t<Arguments>... arguments) {
#if defined(__CUDACC__)
    void* pointers[] = {&arguments...};
    launch_kernel(reinterpret_cast<const void*>(kernel), size, pointers);
#else
    run(size, [&] { kernel(arguments...); });
#endif
  }

  // A sequence of launches, the body, that is started by one launch. It runs at least once, and
  // again as long as one of its kernels sets the condition that the body gets.
  class Loop {
   public:
    virtual ~Loop() = default;
    virtual void launch() = 0;
  };
  std::unique_ptr<Loop> make_loop(const std::function<void(Condition)>& body);

  // A moment in the stream; the time between two moments can be measured.
  class Moment {
   public:
    virtual ~Moment() = default;
    virtual void take() = 0;
    // After wait(): seconds from `earlier` to this.
    virtual double seconds_since(const Moment& earlier) const = 0;
  };
  std::unique_ptr<Moment> make_moment();

 private:
  int resident_blocks(const void* kernel, unsigned threads, std::size_t shared_bytes);
  void launch_kernel(const void* kernel, const GridSize& size, void** arguments);
  void run(const GridSize& size, const std::function<void()>& kernel);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace convoy::gpu
