// SPDX-License-Identifier: Apache-2.0
// The vector form of reference/normalize.hpp.
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_NORMALIZE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_NORMALIZE_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_NORMALIZE_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_NORMALIZE_INL_HPP
#endif

#include "ops/normalize.hpp"
#include "ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Looks up `range` in the table.
HWY_INLINE void look_up(const Normalize& op, Range range, const std::uint8_t* bytes, float* x) {
  Index channel = range.begin % op.channels;
  for (Index i = range.begin; i < range.end; ++i) {
    x[i] = op.table[static_cast<size_t>(channel * Normalize::kBytes + bytes[i])];
    if (++channel == op.channels) channel = 0;
  }
}

inline void normalize(const Normalize& op, Index size, const std::uint8_t* bytes, float* x) {
  if (op.centre.empty()) return look_up(op, {0, size}, bytes, x);
  const Full d;
  const hn::Rebind<std::int32_t, Full> d_int;
  const hn::Rebind<std::uint8_t, Full> d_byte;
  const Index vl = lanes(d), step = vl % op.channels;
  const float *centre = op.centre.data(), *high = op.high.data(), *low = op.low.data(),
              *rest = op.rest.data();
  Index i = 0, channel = 0;  // channel: of lane 0
  for (; i + vl <= size; i += vl) {
    const auto b = hn::ConvertTo(d, hn::PromoteTo(d_int, hn::LoadU(d_byte, bytes + i)));
    const auto from_centre = hn::Sub(b, hn::LoadU(d, centre + channel));
    const auto small =
        hn::MulAdd(from_centre, hn::LoadU(d, low + channel), hn::LoadU(d, rest + channel));
    hn::StoreU(hn::MulAdd(from_centre, hn::LoadU(d, high + channel), small), d, x + i);
    channel += step;
    if (channel >= op.channels) channel -= op.channels;
  }
  look_up(op, {i, size}, bytes, x);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
