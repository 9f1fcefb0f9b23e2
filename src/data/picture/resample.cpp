// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for every vector width. All of them give the same bits.
#include "data/picture/resample.hpp"

#include <algorithm>

#include "base/check.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/picture/resample.cpp"
#include <hwy/foreach_target.h>
// Highway requires this order.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int32_t kHalf = 1 << (kCoefficientBits - 1);

HWY_INLINE std::uint8_t byte_of(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kCoefficientBits, 0, 255));
}

// Values from memory as 32-bit numbers.
template <class D>
HWY_INLINE auto load(D d, const std::uint8_t* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<std::uint8_t, D>(), from));
}

#if HWY_TARGET == HWY_SCALAR

// Highway's target of last resort has vectors of one number.
HWY_INLINE void resample_values(const std::uint8_t* in, Index channels,
                                const ResampleWindows& windows, std::uint8_t* out) {
  const std::int32_t* k = windows.coefficients.data();
  for (Index x = 0; x < windows.outputs(); ++x, k += windows.taps) {
    const auto at = static_cast<std::size_t>(x);
    for (Index c = 0; c < channels; ++c) {
      std::int32_t sum = kHalf;
      for (std::int32_t i = 0; i < windows.count[at]; ++i) {
        sum += k[i] * in[(windows.first[at] + i) * channels + c];
      }
      out[x * channels + c] = byte_of(sum);
    }
  }
}
HWY_INLINE void resample_rgb(const std::uint8_t* in, const ResampleWindows& windows,
                             std::uint8_t* out) {
  resample_values(in, 3, windows, out);
}
HWY_INLINE void resample_grey(const std::uint8_t* in, const ResampleWindows& windows,
                              std::uint8_t* out) {
  resample_values(in, 1, windows, out);
}

#else

// 16-bit numbers of a vector: of two pixels, or of four.
#if HWY_MAX_BYTES >= 32 && !HWY_HAVE_SCALABLE
constexpr int kRgbValues = 16;
#else
constexpr int kRgbValues = 8;
#endif
constexpr int kRgbBytes = kRgbValues / 4 * 3;

// A block of four 32-bit numbers: red, green, blue, and one that is not used. Products of 16-bit
// numbers are faster than those of 32 bits, so the upper and the lower bits of the coefficients
// (RgbCoefficients) have a sum each. No sum needs more than 31 bits, because the coefficients of
// an output add up to about 2^kCoefficientBits.
HWY_INLINE void resample_rgb(const std::uint8_t* in, const ResampleWindows& windows,
                             std::uint8_t* out) {
  const hn::FixedTag<std::int16_t, kRgbValues> d16;
  const hn::FixedTag<std::uint8_t, kRgbValues> d8;
  const hn::FixedTag<std::int32_t, kRgbValues / 2> d32;
  const hn::FixedTag<std::int32_t, 4> block;
  HWY_ALIGN static constexpr std::uint8_t kPairs[16] = {0, 3, 1, 4,  2, 5,  0, 0,
                                                        6, 9, 7, 10, 8, 11, 0, 0};
  const auto pairs = hn::Load(d8, kPairs);
  const RgbCoefficients& rgb = windows.rgb;
  const std::int16_t *high = rgb.high.data(), *low = rgb.low.data();
  const Index values = 4 * windows.taps;
  for (Index x = 0; x < windows.outputs(); ++x, high += values, low += values, out += 3) {
    const auto at = static_cast<std::size_t>(x);
    const std::uint8_t* from = in + Index{3} * windows.first[at];
    const Index end = 4 * Index{windows.count[at]};
    auto upper = hn::Zero(d32), upper_rest = upper, lower = upper, lower_rest = upper;
    for (Index i = 0; i < end; i += kRgbValues, from += kRgbBytes) {
      const auto pixels = hn::PromoteTo(d16, hn::TableLookupBytes(hn::LoadU(d8, from), pairs));
      upper =
          hn::ReorderWidenMulAccumulate(d32, pixels, hn::LoadU(d16, high + i), upper, upper_rest);
      lower =
          hn::ReorderWidenMulAccumulate(d32, pixels, hn::LoadU(d16, low + i), lower, lower_rest);
    }
    const auto all = hn::Add(hn::ShiftLeft<kLowBits>(hn::RearrangeToOddPlusEven(upper, upper_rest)),
                             hn::RearrangeToOddPlusEven(lower, lower_rest));
#if HWY_MAX_BYTES >= 32 && !HWY_HAVE_SCALABLE
    const auto pixel = hn::Add(hn::LowerHalf(block, all), hn::UpperHalf(block, all));
#else
    const auto pixel = all;
#endif
    const hn::FixedTag<std::uint8_t, 4> bytes;
    hn::StoreU(hn::DemoteTo(
                   bytes, hn::ShiftRight<kCoefficientBits>(hn::Add(pixel, hn::Set(block, kHalf)))),
               bytes, out);
  }
}

// A vector holds four neighbours.
HWY_INLINE void resample_grey(const std::uint8_t* in, const ResampleWindows& windows,
                              std::uint8_t* out) {
  const hn::FixedTag<std::int32_t, 4> d;
  const std::int32_t* k = windows.coefficients.data();
  for (Index x = 0; x < windows.outputs(); ++x, k += windows.taps) {
    const auto at = static_cast<std::size_t>(x);
    const std::uint8_t* from = in + windows.first[at];
    auto sum = hn::Zero(d);
    for (std::int32_t i = 0; i < windows.count[at]; i += 4) {
      sum = hn::Add(sum, hn::Mul(hn::LoadU(d, k + i), load(d, from + i)));
    }
    HWY_ALIGN std::int32_t sums[4];
    hn::Store(sum, d, sums);
    out[x] = byte_of(kHalf + sums[0] + sums[1] + sums[2] + sums[3]);
  }
}

#endif

void resample_row(const std::uint8_t* in, Index channels, const ResampleWindows& windows,
                  std::uint8_t* out) {
  if (channels == 3) {
    resample_rgb(in, windows, out);
  } else {
    resample_grey(in, windows, out);
  }
}

// Vectors run over the bytes of a row.
void resample_columns(const std::uint8_t* in, Index bytes, const std::int32_t* k,
                      std::int32_t count, std::uint8_t* out) {
  const hn::ScalableTag<std::int32_t> d;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  Index x = 0;
  for (; x + 2 * lanes <= bytes; x += 2 * lanes) {
    auto left = hn::Set(d, kHalf), right = left;
    const std::uint8_t* from = in + x;
    for (std::int32_t i = 0; i < count; ++i, from += bytes) {
      const auto factor = hn::Set(d, k[i]);
      left = hn::Add(left, hn::Mul(factor, load(d, from)));
      right = hn::Add(right, hn::Mul(factor, load(d, from + lanes)));
    }
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<kCoefficientBits>(left)), d8, out + x);
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<kCoefficientBits>(right)), d8, out + x + lanes);
  }
  for (; x < bytes; ++x) {
    std::int32_t sum = kHalf;
    for (std::int32_t i = 0; i < count; ++i) sum += k[i] * in[i * bytes + x];
    out[x] = byte_of(sum);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convoy {

HWY_EXPORT(resample_row);
HWY_EXPORT(resample_columns);

void ResampleWindows::split_coefficients() {
  const std::size_t size = coefficients.size();
  rgb.high.resize(4 * size);
  rgb.low.resize(4 * size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::int32_t k = coefficients[i];
    const std::size_t pair = i / 2 * 8 + i % 2;
    for (std::size_t c = 0; c < 4; ++c) {
      rgb.high[pair + 2 * c] = static_cast<std::int16_t>(k >> kLowBits);
      rgb.low[pair + 2 * c] = static_cast<std::int16_t>(k & ((1 << kLowBits) - 1));
    }
  }
}

void resample_row(const std::uint8_t* in, Index channels, const ResampleWindows& windows,
                  std::uint8_t* out) {
  CONVOY_ASSERT(channels == 1 || windows.rgb.high.size() == 4 * windows.coefficients.size());
  HWY_DYNAMIC_DISPATCH(resample_row)(in, channels, windows, out);
}

void resample_columns(const std::uint8_t* in, Index first_row, Index bytes,
                      const ResampleWindows& windows, Index y, std::uint8_t* out) {
  const auto at = static_cast<std::size_t>(y);
  HWY_DYNAMIC_DISPATCH(resample_columns)
  (in + (windows.first[at] - first_row) * bytes, bytes,
   windows.coefficients.data() + y * windows.taps, windows.count[at], out);
}

}  // namespace convoy
#endif
