// SPDX-License-Identifier: Apache-2.0
// The average of the weights: the vector form of AverageRule (optim/average.hpp).
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_AVERAGE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_AVERAGE_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_AVERAGE_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_AVERAGE_INL_HPP
#endif

#include <algorithm>

#include "ops/simd/elementwise/update-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Returns whether all new averages are finite. (An average that stays is finite.)
inline bool average(const AveragePass<float> pass) {
  const auto rule = make_rule<float>(pass.step);
  if (rule.share == 0) {
    std::copy_n(pass.average, pass.size, pass.new_average);
    return true;
  }
  const Full d;
  const Index vl = lanes(d);
  const auto zero = hn::Zero(d);
  auto zeros = zero;  // becomes NaN where a number is infinite or NaN (update-inl.hpp)
  const auto step = [&](Index i, const auto& lanes_of) HWY_ATTR {
    const auto a =
        lerp(lanes_of.load(pass.average + i), lanes_of.load(pass.new_weights + i), rule.share);
    lanes_of.store(a, pass.new_average + i);
    if (rule.sets_weight) lanes_of.store(a, pass.new_weights + i);
    zeros = hn::Or(zeros, hn::Mul(a, zero));
  };
  Index i = 0;
  for (; i + vl <= pass.size; i += vl) step(i, AllLanes{});
  if (i < pass.size) step(i, SomeLanes{first_lanes(d, pass.size - i)});
  return hn::AllTrue(d, hn::Eq(zeros, zero));
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
