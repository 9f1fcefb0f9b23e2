// SPDX-License-Identifier: Apache-2.0
#include "measure/rates.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "base/clock.hpp"
#include "base/float_environment.hpp"
#include "base/machine.hpp"
#include "runtime/cpu/barrier.hpp"
#include "runtime/cpu/workers.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "measure/rates.cpp"
#include <hwy/foreach_target.h>
// Highway requires this order of includes.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace convoy::measure::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Runs twelve independent fused multiply-adds `rounds` times; returns the FLOPs done. `sink` keeps
// the compiler from removing them. (An array of vectors is not possible: those of SVE have no
// size.)
double fma_rounds(Index rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999999F), addend = hn::Set(d, 1e-6F);
  auto a = hn::Set(d, 1.0F), b = hn::Set(d, 2.0F), c = hn::Set(d, 3.0F), e = hn::Set(d, 4.0F),
       f = hn::Set(d, 5.0F), g = hn::Set(d, 6.0F), h = hn::Set(d, 7.0F), i = hn::Set(d, 8.0F),
       j = hn::Set(d, 9.0F), k = hn::Set(d, 10.0F), l = hn::Set(d, 11.0F), m = hn::Set(d, 12.0F);
  const auto advance = [&](auto&... chain) { ((chain = hn::MulAdd(chain, factor, addend)), ...); };
  const auto sum = [&](const auto& first, const auto&... more) {
    auto total = first;
    ((total = hn::Add(total, more)), ...);
    return total;
  };
  for (Index round = 0; round < rounds; ++round) advance(a, b, c, e, f, g, h, i, j, k, l, m);
  *sink = hn::GetLane(sum(a, b, c, e, f, g, h, i, j, k, l, m));
  return 2.0 * 12 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

// `size` is a multiple of the length of every vector type.
void triad(Index size, const float* b, const float* c, float* a) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto factor = hn::Set(d, 0.5F);
  const auto step = [&](Index i) {
    hn::Store(hn::MulAdd(hn::Load(d, c + i), factor, hn::Load(d, b + i)), d, a + i);
  };
  Index i = 0;
  for (; i + 4 * lanes <= size; i += 4 * lanes) {
    step(i);
    step(i + lanes);
    step(i + 2 * lanes);
    step(i + 3 * lanes);
  }
  for (; i < size; i += lanes) step(i);
}

}  // namespace convoy::measure::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convoy::measure {

HWY_EXPORT(fma_rounds);
HWY_EXPORT(triad);

namespace {

constexpr Index kMultiple = 64;                // floats of the longest vector
constexpr Index kGap = Index{17} * 16;         // floats between vectors, so that they do not alias
constexpr Index kBytesOfRun = Index{1} << 28;  // least number of bytes that a run moves

Index or_usual(int name, Index usual) {
  const long bytes = ::sysconf(name);
  return bytes > 0 ? static_cast<Index>(bytes) : usual;
}

// The shortest time in which all threads did `work(thread)`, starting together. Repeats for about
// `seconds`, and at least `least` times.
template <class Work>
double best_seconds(int threads, double seconds, int least, const Work& work) {
  Barrier barrier(threads);
  const Stopwatch all;
  Stopwatch one;
  double best = std::numeric_limits<double>::infinity();
  int runs = 0;
  bool more = true;  // written while all threads are in the barrier
  run_workers(threads, [&](int thread) {
    const FloatEnvironment modes;
    while (more) {
      barrier.arrive_and_wait(thread, [&] { one.restart(); });
      work(thread);
      barrier.arrive_and_wait(thread, [&] {
        best = std::min(best, one.seconds());
        more = ++runs < least || all.seconds() < seconds;
      });
    }
  });
  return best;
}

}  // namespace

double fma_peak(int threads, double seconds) {
  constexpr Index kRounds = 1'000'000;
  double flops = 0;
  const double best = best_seconds(threads, seconds, 3, [&](int thread) {
    float value = 0;
    const double done = HWY_DYNAMIC_DISPATCH(fma_rounds)(kRounds, &value);
    [[maybe_unused]] volatile float sink = value;
    if (thread == 0) flops = done;
  });
  return flops * threads / best;
}

Triad::Triad(int threads, Index bytes)
    : size_(std::max(kMultiple, bytes / (3 * Index{sizeof(float)}) / kMultiple * kMultiple)),
      bytes_(3 * size_ * Index{sizeof(float)}),
      memory_(static_cast<std::size_t>(threads)) {
  // The thread that uses memory touches it first, so that the memory is near.
  run_workers(threads, [&](int thread) {
    memory_[static_cast<std::size_t>(thread)] = Buffer<float>(3 * size_ + 2 * kGap);
  });
}

double Triad::rate(double seconds) {
  const auto threads = static_cast<int>(memory_.size());
  const Index sweeps = std::max<Index>(1, kBytesOfRun / bytes_ / threads);
  const double best = best_seconds(threads, seconds, 1, [&](int thread) {
    float* a = memory_[static_cast<std::size_t>(thread)].data();
    const float *b = a + size_ + kGap, *c = b + size_ + kGap;
    for (Index i = 0; i < sweeps; ++i) HWY_DYNAMIC_DISPATCH(triad)(size_, b, c, a);
  });
  return static_cast<double>(bytes_ * sweeps * threads) / best;
}

CacheSizes cache_sizes() {
  CacheSizes sizes;
  sizes.first = or_usual(_SC_LEVEL1_DCACHE_SIZE, Index{32} << 10);
  sizes.second = or_usual(_SC_LEVEL2_CACHE_SIZE, Index{1} << 20);
  sizes.last = std::max(or_usual(_SC_LEVEL3_CACHE_SIZE, Index{32} << 20), sizes.second);
  return sizes;
}

Index uncached_bytes() {
  const auto memory = static_cast<Index>(machine_facts().memory_bytes);
  return std::min(4 * cache_sizes().last, std::max(memory / 4, Index{64} << 20));
}

}  // namespace convoy::measure
#endif
