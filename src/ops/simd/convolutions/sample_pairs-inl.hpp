// SPDX-License-Identifier: Apache-2.0
// A vector holds one sample, lane = filter (S = 1), or two samples side by side, lane = filter * 2
// + sample (S = 2).
#if defined(CONVOY_OPS_SIMD_CONVOLUTIONS_SAMPLE_PAIRS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_CONVOLUTIONS_SAMPLE_PAIRS_INL_HPP
#undef CONVOY_OPS_SIMD_CONVOLUTIONS_SAMPLE_PAIRS_INL_HPP
#else
#define CONVOY_OPS_SIMD_CONVOLUTIONS_SAMPLE_PAIRS_INL_HPP
#endif

#include <algorithm>
#include <cstring>

#include "ops/padding.hpp"
#include "ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

using HalfVector = hn::Half<Full>;
using Int = hn::RebindToSigned<Full>;

// Broadcasts one number to all lanes; or two neighbours, each to the lanes of one sample.
template <int S>
HWY_INLINE Vector broadcast(const float* x) {
  if constexpr (S == 1) {
    return hn::Set(Full(), *x);
  } else {
    double pair;
    std::memcpy(&pair, x, sizeof pair);
    return hn::BitCast(Full(), hn::Set(hn::RepartitionToWide<Full>(), pair));
  }
}

// Converts between two samples in one half of the lanes each, and two samples side by side.
template <class V>
HWY_INLINE V interleave_halves(V v) {
  const hn::DFromV<V> d;
  alignas(64) std::int32_t lane[HWY_LANES(float)];
  const auto half = static_cast<std::int32_t>(lanes(d)) / 2;
  for (std::int32_t i = 0; i < 2 * half; ++i) lane[i] = i / 2 + i % 2 * half;
  return hn::TableLookupLanes(v, hn::SetTableIndices(d, lane));
}

template <class V>
HWY_INLINE V split_halves(V v) {
  const hn::DFromV<V> d;
  alignas(64) std::int32_t lane[HWY_LANES(float)];
  const auto half = static_cast<std::int32_t>(lanes(d)) / 2;
  for (std::int32_t i = 0; i < 2 * half; ++i) lane[i] = i % half * 2 + i / half;
  return hn::TableLookupLanes(v, hn::SetTableIndices(d, lane));
}

// Loads `count` filters of each sample, from `first` and `second`; other lanes are 0.
template <int S>
HWY_INLINE Vector load_filters(const float* first, const float* second, Index count) {
  if constexpr (S == 1) {
    return hn::MaskedLoad(first_lanes(Full(), count), Full(), first);
  } else {
    const HalfVector half;
    const auto both = [](auto low, auto high)
                          HWY_ATTR { return interleave_halves(hn::Combine(Full(), high, low)); };
    if (count == lanes(half)) return both(hn::LoadU(half, first), hn::LoadU(half, second));
    const auto mask = first_lanes(half, count);
    return both(hn::MaskedLoad(mask, half, first), hn::MaskedLoad(mask, half, second));
  }
}

template <int S>
HWY_INLINE void store_filters(Vector v, float* first, float* second, Index count) {
  if constexpr (S == 1) {
    if (count == lanes(Full())) return hn::StoreU(v, Full(), first);
    store_lanes(v, first_lanes(Full(), count), Full(), first);
  } else {
    const HalfVector half;
    const Vector halves = split_halves(v);
    if (count == lanes(half)) {
      hn::StoreU(hn::LowerHalf(half, halves), half, first);
      hn::StoreU(hn::UpperHalf(half, halves), half, second);
      return;
    }
    const auto mask = first_lanes(half, count);
    store_lanes(hn::LowerHalf(half, halves), mask, half, first);
    store_lanes(hn::UpperHalf(half, halves), mask, half, second);
  }
}

// Stores the filters of two neighbouring pixels, which are `stride` apart.
template <int S>
HWY_INLINE void store_filters(Vector v0, Vector v1, float* first, float* second, Index count,
                              Index stride) {
  if constexpr (S == 2) {
    if (count == lanes(HalfVector()) && stride == count) {
      hn::StoreU(hn::ConcatEven(Full(), v1, v0), Full(), first);
      hn::StoreU(hn::ConcatOdd(Full(), v1, v0), Full(), second);
      return;
    }
  }
  store_filters<S>(v0, first, second, count);
  store_filters<S>(v1, first + stride, second + stride, count);
}

// Stores the filters of the first sample alone.
template <int S>
HWY_INLINE void store_first(Vector v, float* to, Index count) {
  if constexpr (S == 1) {
    store_lanes(v, first_lanes(Full(), count), Full(), to);
  } else {
    const HalfVector half;
    store_lanes(hn::LowerHalf(half, split_halves(v)), first_lanes(half, count), half, to);
  }
}

// The same with one byte per lane, which holds the lane's value. Whole halves of vectors are read
// and written, so the memory must have room for a multiple of 8.
template <int S>
HWY_INLINE hn::Vec<Int> load_bytes(const std::int8_t* first, const std::int8_t* second,
                                   Index count) {
  const hn::Rebind<std::int8_t, Full> bytes;
  const hn::Half<decltype(bytes)> half;
  if constexpr (S == 1) {
    if (2 * count > lanes(Full())) return hn::PromoteTo(Int(), hn::LoadU(bytes, first));
    return hn::PromoteTo(Int(), hn::ZeroExtendVector(bytes, hn::LoadU(half, first)));
  } else {
    const auto pairs = hn::InterleaveLower(hn::ZeroExtendVector(bytes, hn::LoadU(half, first)),
                                           hn::ZeroExtendVector(bytes, hn::LoadU(half, second)));
    return hn::PromoteTo(Int(), pairs);
  }
}

// Returns the low byte of each lane.
HWY_INLINE hn::Vec<hn::Rebind<std::int8_t, Full>> low_bytes(hn::Vec<Int> v) {
  const hn::Rebind<std::int8_t, Full> bytes;
  const hn::RebindToUnsigned<Int> words;
  return hn::BitCast(
      bytes, hn::TruncateTo(hn::RebindToUnsigned<decltype(bytes)>(), hn::BitCast(words, v)));
}

template <int S>
HWY_INLINE void store_bytes(hn::Vec<Int> v, std::int8_t* first, std::int8_t* second, Index count) {
  const hn::Rebind<std::int8_t, Full> bytes;
  const hn::Half<decltype(bytes)> half;
  if constexpr (S == 1) {
    const auto all = low_bytes(v);
    if (2 * count > lanes(Full())) {
      hn::StoreU(all, bytes, first);
    } else {
      hn::StoreU(hn::LowerHalf(half, all), half, first);
    }
  } else {
    const auto all = low_bytes(split_halves(v));
    hn::StoreU(hn::LowerHalf(half, all), half, first);
    hn::StoreU(hn::UpperHalf(half, all), half, second);
  }
}

template <int S>
HWY_INLINE void store_bytes(hn::Vec<Int> v0, hn::Vec<Int> v1, std::int8_t* first,
                            std::int8_t* second, Index count, Index stride) {
  if constexpr (S == 2) {
    if (stride == lanes(HalfVector())) {
      const hn::Rebind<std::int8_t, Full> bytes;
      hn::StoreU(low_bytes(hn::ConcatEven(Int(), v1, v0)), bytes, first);
      hn::StoreU(low_bytes(hn::ConcatOdd(Int(), v1, v0)), bytes, second);
      return;
    }
  }
  store_bytes<S>(v0, first, second, count);
  store_bytes<S>(v1, first + stride, second + stride, count);
}

// Writes n numbers of two samples alternately; the last vectors overlap those before.
HWY_INLINE void interleave(const float* first, const float* second, Index n, float* to) {
  const Full d;
  const Index vl = lanes(d);
  if (n < vl) {
    for (Index i = 0; i < n; ++i) {
      to[2 * i] = first[i];
      to[2 * i + 1] = second[i];
    }
    return;
  }
  for (Index next = 0; next < n; next += vl) {
    const Index i = std::min(next, n - vl);
    hn::StoreInterleaved2(hn::LoadU(d, first + i), hn::LoadU(d, second + i), d, to + 2 * i);
  }
}

// Copies x with its border; for two samples their numbers alternate. `to` has S times the bordered
// size.
template <int S>
HWY_INLINE const float* side_by_side(const float* first, const float* second, const Shape& shape,
                                     const Border& border, float* to) {
  const Shape outer = border.around(shape);
  if constexpr (S == 1) {
    return with_border(first, shape, border, {0, outer.height}, to);
  } else if (border.empty()) {
    interleave(first, second, shape.size(), to);
    return to;
  } else {
    const Index width = outer.width * outer.channels * S, body = shape.width * shape.channels;
    const Index left = border.left * outer.channels * S;
    for (Index row = 0; row < outer.height; ++row, to += width) {
      const Index inner = row - border.top;
      if (inner < 0 || inner >= shape.height) {
        std::fill_n(to, width, 0.0F);
        continue;
      }
      std::fill_n(to, left, 0.0F);
      interleave(first + inner * body, second + inner * body, body, to + left);
      std::fill_n(to + left + body * S, width - left - body * S, 0.0F);
    }
    return to - outer.height * width;
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
