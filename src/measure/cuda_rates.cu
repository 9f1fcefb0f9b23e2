// SPDX-License-Identifier: Apache-2.0
#include "measure/cuda_rates.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "runtime/gpu/gpu.hpp"
#include "runtime/gpu/kernel.hpp"

namespace convoy::measure {
namespace {

constexpr int kChains = 8, kRounds = 4096, kLeastRuns = 3;
constexpr unsigned kThreads = 256, kBlocksOfAMultiprocessor = 8;

// Chains that need nothing from each other; their results are written, so that the compiler does
// not leave them out.
__global__ void fma_chains_kernel(float* out, float factor, float addend) {
  float x[kChains];
  for (int i = 0; i < kChains; ++i) x[i] = static_cast<float>(threadIdx.x + unsigned(i));
  for (int round = 0; round < kRounds; ++round) {
    CONVOY_UNROLL(8)
    for (int i = 0; i < kChains; ++i) x[i] = std::fma(x[i], factor, addend);
  }
  float sum = 0;
  for (int i = 0; i < kChains; ++i) sum += x[i];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

__global__ void triad_kernel(float4* a, const float4* b, const float4* c, float s, long long size) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    const float4 x = b[i], y = c[i];
    a[i] = {std::fma(s, y.x, x.x), std::fma(s, y.y, x.y), std::fma(s, y.z, x.z),
            std::fma(s, y.w, x.w)};
  }
}

int first_device() {
  if (!gpu::devices().empty()) return 0;
  throw UserError(Fault::unavailable, "a GPU cannot be measured", "this machine shows none",
                  "use --device cpu");
}

// The shortest of several runs, by the GPU's clock.
template <class Launch>
double shortest(gpu::Gpu& gpu, double seconds, const Launch& launch) {
  const auto begin = gpu.make_moment(), end = gpu.make_moment();
  const Stopwatch watch;
  double best = 0;
  launch();  // code and memory are new to the GPU
  for (int run = 0; run < kLeastRuns || watch.seconds() < seconds; ++run) {
    begin->take();
    launch();
    end->take();
    gpu.wait();
    const double time = end->seconds_since(*begin);
    best = run == 0 ? time : std::min(best, time);
  }
  return best;
}

}  // namespace

double cuda_fma_peak(double seconds) {
  gpu::Gpu gpu(first_device());
  const gpu::GridSize size{
      static_cast<unsigned>(gpu.facts().multiprocessors) * kBlocksOfAMultiprocessor, kThreads};
  const Index threads = Index{size.blocks} * size.threads;
  const gpu::Memory out = gpu.allocate(threads * Index{sizeof(float)}, "the peak's results");
  const double time = shortest(gpu, seconds, [&] {
    gpu.launch(fma_chains_kernel, size, reinterpret_cast<float*>(out.get()), 0.999F, 0.001F);
  });
  return 2.0 * kChains * kRounds * static_cast<double>(threads) / time;
}

double cuda_bandwidth(Index bytes, double seconds) {
  gpu::Gpu gpu(first_device());
  constexpr Index kVector = sizeof(float4), kVectors = 3;
  const Index size = std::max<Index>(bytes / (kVectors * kVector), 1);
  const gpu::Memory memory = gpu.allocate(kVectors * size * kVector, "the triad's vectors");
  gpu.clear(memory.get(), kVectors * size * kVector);
  auto* const a = reinterpret_cast<float4*>(memory.get());
  const gpu::GridSize grid{
      static_cast<unsigned>(gpu.facts().multiprocessors) * kBlocksOfAMultiprocessor, kThreads};
  const double time = shortest(
      gpu, seconds, [&] { gpu.launch(triad_kernel, grid, a, a + size, a + 2 * size, 0.5F, size); });
  return static_cast<double>(kVectors * size * kVector) / time;
}

}  // namespace convoy::measure
