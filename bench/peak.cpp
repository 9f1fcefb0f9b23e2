// SPDX-License-Identifier: Apache-2.0
#include "peak.hpp"

#include <algorithm>
#include <chrono>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cpp"
#include <hwy/foreach_target.h>
// Highway wants this order.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace convoy::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Runs `rounds` times twelve independent fused multiply-adds; returns FLOPs done. `sink` keeps the
// compiler from dropping them.
double fma_rounds(long rounds, float* sink) {
  constexpr int kChains = 12;
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999999F), addend = hn::Set(d, 1e-6F);
  hn::Vec<decltype(d)> chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = hn::Set(d, 1.0F + static_cast<float>(i));
  for (long round = 0; round < rounds; ++round) {
    HWY_UNROLL(12)
    for (int i = 0; i < kChains; ++i) chain[i] = hn::MulAdd(chain[i], factor, addend);
  }
  auto sum = hn::Zero(d);
  for (int i = 0; i < kChains; ++i) sum = hn::Add(sum, chain[i]);
  *sink = hn::GetLane(sum);
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace convoy::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convoy::bench {

HWY_EXPORT(fma_rounds);

double measured_fma_peak() {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  volatile float sink = 0;
  for (int run = 0; run < 7; ++run) {
    float value = 0;
    const auto start = Clock::now();
    const double flops = HWY_DYNAMIC_DISPATCH(fma_rounds)(2'000'000, &value);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    sink = value;
    best = std::max(best, flops / seconds.count());
  }
  static_cast<void>(sink);
  return best;
}

}  // namespace convoy::bench
#endif
