// SPDX-License-Identifier: Apache-2.0
// Transposes matrices for packed weights. It only moves numbers, so every method gives the same
// bits.
#if defined(CONVOY_OPS_SIMD_PRODUCTS_TRANSPOSE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_PRODUCTS_TRANSPOSE_INL_HPP
#undef CONVOY_OPS_SIMD_PRODUCTS_TRANSPOSE_INL_HPP
#else
#define CONVOY_OPS_SIMD_PRODUCTS_TRANSPOSE_INL_HPP
#endif

#include <algorithm>

#include "ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// to[c][r] = from[r][c] for all r and c; the rows of `from` and `to` are strides apart.
struct Transpose {
  const float* from;
  Index from_stride;
  Index rows;
  Index columns;
  float* to;
  Index to_stride;
};

inline void transpose_one_by_one(const Transpose& t) {
  for (Index c = 0; c < t.columns; ++c) {
    for (Index r = 0; r < t.rows; ++r) t.to[c * t.to_stride + r] = t.from[r * t.from_stride + c];
  }
}

#if HWY_HAVE_SCALABLE  // SVE vectors have no blocks to build from
inline void transpose(const Transpose& t) {
  transpose_one_by_one(t);
}
#else

constexpr Index kBlock = 4;  // floats in 128 bits

// Loads four columns of rows 0, 4, 8 ... from `from` on, one block for each row.
template <size_t kLanes>
HWY_INLINE hn::Vec<hn::CappedTag<float, kLanes> > load_blocks(const float* from, Index stride) {
  const hn::CappedTag<float, kLanes> d;
  if constexpr (kLanes == kBlock) {
    return hn::LoadU(d, from);
  } else {
    const float* upper = from + kLanes / 2 * static_cast<size_t>(stride);
    return hn::Combine(d, load_blocks<kLanes / 2>(upper, stride),
                       load_blocks<kLanes / 2>(from, stride));
  }
}

// Transposes kLanes rows by four columns, each block separately.
template <size_t kLanes>
HWY_INLINE void transpose_tile(const float* from, Index from_stride, float* to, Index to_stride) {
  const hn::CappedTag<float, kLanes> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto a = load_blocks<kLanes>(from, from_stride);
  const auto b = load_blocks<kLanes>(from + from_stride, from_stride);
  const auto c = load_blocks<kLanes>(from + 2 * from_stride, from_stride);
  const auto e = load_blocks<kLanes>(from + 3 * from_stride, from_stride);
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));  // a0 b0 a1 b1
  const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high)), d, to + 3 * to_stride);
}

// Works in tiles of kLanes rows, or of half or a quarter of that where there are fewer rows. The
// last tile of a line overlaps the one before where it has to.
template <size_t kLanes>
HWY_INLINE void transpose_in_tiles(const Transpose& t) {
  constexpr Index kRows = static_cast<Index>(kLanes);
  if (t.rows < kRows) {
    if constexpr (kLanes > kBlock) return transpose_in_tiles<kLanes / 2>(t);
    return transpose_one_by_one(t);
  }
  for (Index i = 0; i < t.rows; i += kRows) {
    const Index r = std::min(i, t.rows - kRows);
    for (Index j = 0; j < t.columns; j += kBlock) {
      const Index c = std::min(j, t.columns - kBlock);
      transpose_tile<kLanes>(t.from + r * t.from_stride + c, t.from_stride,
                             t.to + c * t.to_stride + r, t.to_stride);
    }
  }
}

inline void transpose(const Transpose& t) {
  if (t.columns < kBlock) return transpose_one_by_one(t);
  transpose_in_tiles<hn::MaxLanes(Full())>(t);
}
#endif

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
