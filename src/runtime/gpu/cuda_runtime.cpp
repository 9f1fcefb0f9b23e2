// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/check.hpp"
#include "runtime/gpu/gpu.hpp"
#include "runtime/gpu/out_of_memory.hpp"

namespace convoy::gpu {
namespace {

[[noreturn]] void fail(const char* call, cudaError_t error, std::string_view device) {
  throw SystemError(Fault::unavailable, call, device,
                    fmt::format("{}: {}", cudaGetErrorName(error), cudaGetErrorString(error)));
}

void check(cudaError_t error, const char* call, std::string_view device) {
  if (error != cudaSuccess) fail(call, error, device);
}

class CudaLoop final : public Gpu::Loop {
 public:
  CudaLoop(cudaStream_t stream, std::string device, const std::function<void(Condition)>& body)
      : stream_(stream), device_(std::move(device)) {
    check(cudaGraphCreate(&graph_.handle, 0), "cudaGraphCreate", device_);
    cudaGraphConditionalHandle handle{};
    check(cudaGraphConditionalHandleCreate(&handle, graph_.handle, 1, cudaGraphCondAssignDefault),
          "cudaGraphConditionalHandleCreate", device_);
    cudaGraphNodeParams node{};
    node.type = cudaGraphNodeTypeConditional;
    node.conditional.handle = handle;
    node.conditional.type = cudaGraphCondTypeWhile;
    node.conditional.size = 1;
    cudaGraphNode_t added{};
    check(add_node(&added, &node), "cudaGraphAddNode", device_);
    capture(node.conditional.phGraph_out[0], [&] { body(handle); });
    check(cudaGraphInstantiate(&executable_.handle, graph_.handle, 0), "cudaGraphInstantiate",
          device_);
  }

  void launch() override {
    check(cudaGraphLaunch(executable_.handle, stream_), "cudaGraphLaunch", device_);
  }

 private:
  struct Graph {
    cudaGraph_t handle{};
    Graph() = default;
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    ~Graph() {
      if (handle) cudaGraphDestroy(handle);
    }
  };
  struct Executable {
    cudaGraphExec_t handle{};
    Executable() = default;
    Executable(const Executable&) = delete;
    Executable& operator=(const Executable&) = delete;
    ~Executable() {
      if (handle) cudaGraphExecDestroy(handle);
    }
  };

  // Captures the launches into `graph`. The capture also ends where `launches` throws.
  template <class Launches>
  void capture(cudaGraph_t graph, const Launches& launches) {
    check(cudaStreamBeginCaptureToGraph(stream_, graph, nullptr, nullptr, 0,
                                        cudaStreamCaptureModeThreadLocal),
          "cudaStreamBeginCaptureToGraph", device_);
    try {
      launches();
    } catch (...) {
      cudaStreamEndCapture(stream_, &graph);
      throw;
    }
    check(cudaStreamEndCapture(stream_, &graph), "cudaStreamEndCapture", device_);
  }

  cudaError_t add_node(cudaGraphNode_t* added, cudaGraphNodeParams* node) {
#if CUDART_VERSION >= 13000
    return cudaGraphAddNode(added, graph_.handle, nullptr, nullptr, 0, node);
#else
    return cudaGraphAddNode(added, graph_.handle, nullptr, 0, node);
#endif
  }

  const cudaStream_t stream_;
  const std::string device_;
  Graph graph_;
  Executable executable_;
};

class CudaMoment final : public Gpu::Moment {
 public:
  CudaMoment(cudaStream_t stream, std::string device)
      : stream_(stream), device_(std::move(device)) {
    check(cudaEventCreate(&event_), "cudaEventCreate", device_);
  }
  ~CudaMoment() override { cudaEventDestroy(event_); }
  CudaMoment(const CudaMoment&) = delete;
  CudaMoment& operator=(const CudaMoment&) = delete;

  void take() override { check(cudaEventRecord(event_, stream_), "cudaEventRecord", device_); }
  double seconds_since(const Gpu::Moment& earlier) const override {
    float milliseconds = 0;
    check(
        cudaEventElapsedTime(&milliseconds, static_cast<const CudaMoment&>(earlier).event_, event_),
        "cudaEventElapsedTime", device_);
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  const cudaStream_t stream_;
  const std::string device_;
  cudaEvent_t event_{};
};

Facts facts_of(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties",
        fmt::format("GPU {}", device));
  Facts facts;
  facts.name = properties.name;
  facts.compute_capability = properties.major * 10 + properties.minor;
  facts.multiprocessors = properties.multiProcessorCount;
  facts.threads_per_block = kMostThreads;
  facts.shared_bytes = static_cast<Index>(properties.sharedMemPerBlockOptin);
  facts.memory_bytes = static_cast<Index>(properties.totalGlobalMem);
  return facts;
}

}  // namespace

struct Gpu::State {
  Facts facts;
  cudaStream_t stream{};
  cudaEvent_t done{};
};

// A machine without a GPU has no driver, or a driver that finds no GPU: neither is an error here.
std::vector<Facts> devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return {};
  }
  std::vector<Facts> all;
  for (int i = 0; i < count; ++i) all.push_back(facts_of(i));
  return all;
}

std::string library() {
  return fmt::format("CUDA {}.{}", CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
}

Gpu::Gpu(int device) : state_(std::make_unique<State>()) {
  state_->facts = facts_of(device);
  const std::string& name = state_->facts.name;
  check(cudaSetDevice(device), "cudaSetDevice", name);
  check(cudaStreamCreateWithFlags(&state_->stream, cudaStreamNonBlocking), "cudaStreamCreate",
        name);
  check(cudaEventCreateWithFlags(&state_->done, cudaEventDisableTiming), "cudaEventCreate", name);
}

Gpu::~Gpu() {
  cudaEventDestroy(state_->done);
  cudaStreamDestroy(state_->stream);
}

const Facts& Gpu::facts() const {
  return state_->facts;
}

Memory Gpu::allocate(Index bytes, std::string_view what) {
  void* memory = nullptr;
  const cudaError_t error =
      cudaMalloc(&memory, static_cast<std::size_t>(std::max<Index>(bytes, 1)));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo", facts().name);
    throw_out_of_memory(facts().name, what, bytes, static_cast<Index>(free));
  }
  check(error, "cudaMalloc", facts().name);
  return {static_cast<std::byte*>(memory), [](std::byte* p) { cudaFree(p); }};
}

Memory Gpu::allocate_pinned(Index bytes) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, static_cast<std::size_t>(std::max<Index>(bytes, 1))),
        "cudaMallocHost", facts().name);
  return {static_cast<std::byte*>(memory), [](std::byte* p) { cudaFreeHost(p); }};
}

void Gpu::copy_to_device(std::byte* to, const std::byte* from, Index bytes) {
  if (bytes == 0) return;  // an empty array may have no address
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice,
                        state_->stream),
        "cudaMemcpyAsync to the device", facts().name);
}

void Gpu::copy_to_host(std::byte* to, const std::byte* from, Index bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost,
                        state_->stream),
        "cudaMemcpyAsync to the host", facts().name);
}

void Gpu::clear(std::byte* memory, Index bytes) {
  if (bytes == 0) return;
  check(cudaMemsetAsync(memory, 0, static_cast<std::size_t>(bytes), state_->stream),
        "cudaMemsetAsync", facts().name);
}

// A short wait polls, so that it ends at once; a long wait leaves the core to other threads.
void Gpu::wait(const std::function<void()>& meanwhile) {
  using Clock = std::chrono::steady_clock;
  check(cudaEventRecord(state_->done, state_->stream), "cudaEventRecord", facts().name);
  const Clock::time_point begin = Clock::now();
  for (;;) {
    const cudaError_t error = cudaEventQuery(state_->done);
    if (error == cudaSuccess) return;
    if (error != cudaErrorNotReady) fail("cudaEventQuery", error, facts().name);
    if (meanwhile) meanwhile();
    if (Clock::now() - begin > std::chrono::milliseconds(1)) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

int Gpu::resident_blocks(const void* kernel, unsigned threads, std::size_t shared_bytes) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes)),
        "cudaFuncSetAttribute", facts().name);
  int blocks = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, static_cast<int>(threads),
                                                      shared_bytes),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor", facts().name);
  return blocks * facts().multiprocessors;
}

void Gpu::launch_kernel(const void* kernel, const GridSize& size, void** arguments) {
  const dim3 grid(size.blocks), block(size.threads);
  const cudaError_t error =
      size.cooperative
          ? cudaLaunchCooperativeKernel(kernel, grid, block, arguments, size.shared_bytes,
                                        state_->stream)
          : cudaLaunchKernel(kernel, grid, block, arguments, size.shared_bytes, state_->stream);
  check(error, size.cooperative ? "cudaLaunchCooperativeKernel" : "cudaLaunchKernel", facts().name);
}

std::unique_ptr<Gpu::Loop> Gpu::make_loop(const std::function<void(Condition)>& body) {
  return std::make_unique<CudaLoop>(state_->stream, facts().name, body);
}

std::unique_ptr<Gpu::Moment> Gpu::make_moment() {
  return std::make_unique<CudaMoment>(state_->stream, facts().name);
}

}  // namespace convoy::gpu
