// SPDX-License-Identifier: Apache-2.0
// What the host asks of a GPU: memory, copies, launches, loops of launches, times. cuda_runtime.cpp
// does it by CUDA; fiber_runtime.cpp runs kernels at once, as fibers on the calling thread.
//
// A call that fails throws SystemError(unavailable) with the call and the device; memory that can't
// be had, UserError(unavailable) with what was asked and what is free. Nothing here is thread-safe:
// a Gpu belongs to one thread.
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
  int threads_per_block = 0;  // that kernels are launched with
  Index shared_bytes = 0;     // that a block may have at most
  Index memory_bytes = 0;
};

// Of this machine; empty where there are none, or no driver.
std::vector<Facts> devices();
std::string library();  // "CUDA 13.0"

struct GridSize {
  unsigned blocks = 1, threads = 1;
  std::size_t shared_bytes = 0;
  bool cooperative = false;  // grid_barrier() is used: all blocks run at once
};

// Memory of a device, or pinned memory of the host. Freed with its last owner.
using Memory = std::shared_ptr<std::byte[]>;

// One device, and one stream on it: what it is asked to do happens in order.
class Gpu {
 public:
  explicit Gpu(int device);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const Facts& facts() const;

  // `what`: for the message where there is too little. Not initialised.
  Memory allocate(Index bytes, std::string_view what);
  // Of the host, from and to which copies are fast, and which kernels can read and write.
  Memory allocate_pinned(Index bytes);

  void copy_to_device(std::byte* to, const std::byte* from, Index bytes);
  void copy_to_host(std::byte* to, const std::byte* from, Index bytes);
  void clear(std::byte* memory, Index bytes);

  // Waits until all is done that was asked for; `meanwhile` is called every now and then.
  void wait(const std::function<void()>& meanwhile = {});

  // Blocks of this kernel that all multiprocessors hold at once. Raises the kernel's limit of
  // shared memory to `shared_bytes`.
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

  // A body of launches that runs at least once, and again as long as a kernel of it sets the
  // condition that the body is given. One launch, however often.
  class Loop {
   public:
    virtual ~Loop() = default;
    virtual void launch() = 0;
  };
  std::unique_ptr<Loop> make_loop(const std::function<void(Condition)>& body);

  // A moment of the stream, for times between two of them.
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
