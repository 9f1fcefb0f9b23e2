// SPDX-License-Identifier: Apache-2.0
// The one micro-kernel: C[m][n] = sum over terms of A[m][term] * B[term][n], the order of its
// additions that of segments.hpp. Convolution, dense layer and all their gradients are calls of it.
//
// A tile of C, up to kTileRows rows of one or two vectors, stays in registers for a segment: each
// term broadcasts one number of A per row and multiplies it with a vector of B. Vectors run over n,
// never across a sum. After a segment the tile is stored to C (first) or added to it (later ones).
#if defined(CONVOY_OPS_SIMD_PRODUCT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_PRODUCT_INL_HPP
#undef CONVOY_OPS_SIMD_PRODUCT_INL_HPP
#else
#define CONVOY_OPS_SIMD_PRODUCT_INL_HPP
#endif

#include <algorithm>

#include "convoy/ops/segments.hpp"
#include "convoy/ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// Strides are in floats. Rows m form a grid: m = outer * m_inner + inner.
struct Product {
  Index m_outer = 1, m_inner = 0;  // M = m_outer * m_inner
  Index n = 0;                     // N, columns of B and C
  Index row_count = 1;             // terms: rows of row_length terms
  Index row_length = 0;

  const float* a = nullptr;
  Index a_outer = 0, a_inner = 0;  // from one m to the next
  Index a_row = 0, a_term = 0;     // from one term to the next

  const float* b = nullptr;  // [row_count][row_length] rows, b_row and b_term apart
  Index b_row = 0, b_term = 0;

  float* c = nullptr;
  Index c_outer = 0, c_inner = 0;
  bool add = false;              // C holds the sum of earlier segments
  const float* bias = nullptr;   // [N], added last
  float* column_sums = nullptr;  // [N]: one more row of C, whose A is 1 everywhere
};

// 32 registers hold 12 x 2 accumulators, two vectors of B and a broadcast; 16 hold half of that.
inline constexpr int kTileRows = 12;
inline constexpr int kTileRowsOfTwo = HWY_MAX_BYTES == 32 ? 5 : 12;

// Tile: rows of C named by their pointers.
template <int kRows>
struct TileRows {
  const float* a[kRows > 0 ? kRows : 1];
  float* c[kRows > 0 ? kRows : 1];
};

template <class D, int kRows, int kVectors, bool kSums>
HWY_INLINE void tile(D d, const Product& p, const TileRows<kRows>& rows, Index column) {
  using V = hn::Vec<D>;
  const Index vl = lanes(d);
  const auto last = first_lanes(d, p.n - column - (kVectors - 1) * vl);
  constexpr int kAccumulators = kRows + (kSums ? 1 : 0);
  bool add = p.add;
  for (Segment s = first_segment(p.row_count, p.row_length); !s.rows.empty();
       s = next_segment(s, p.row_count, p.row_length)) {
    V sum[kAccumulators][kVectors];
    HWY_UNROLL(16)
    for (int i = 0; i < kAccumulators; ++i) {
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::Zero(d);
    }
    for (Index row = s.rows.begin; row < s.rows.end; ++row) {
      Index at = row * p.a_row + s.terms.begin * p.a_term;
      const float* b = p.b + row * p.b_row + s.terms.begin * p.b_term + column;
      for (Index t = s.terms.begin; t < s.terms.end; ++t, at += p.a_term, b += p.b_term) {
        V w[kVectors];
        if constexpr (kVectors == 2) w[0] = hn::LoadU(d, b);
        w[kVectors - 1] = hn::MaskedLoad(last, d, b + (kVectors - 1) * vl);
        HWY_UNROLL(16)
        for (int i = 0; i < kRows; ++i) {
          const V x = hn::Set(d, rows.a[i][at]);
          HWY_UNROLL(2)
          for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(x, w[j], sum[i][j]);
        }
        if constexpr (kSums) {
          HWY_UNROLL(2)
          for (int j = 0; j < kVectors; ++j) sum[kRows][j] = hn::Add(w[j], sum[kRows][j]);
        }
      }
    }
    const bool ends = s.rows.end == p.row_count && s.terms.end == p.row_length;
    HWY_UNROLL(16)
    for (int i = 0; i < kAccumulators; ++i) {
      float* c =
          (kSums && i == kRows ? p.column_sums : rows.c[kSums && i == kRows ? 0 : i]) + column;
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j) {
        const bool full = kVectors == 2 && j == 0;
        V value = sum[i][j];
        if (add) {
          value = hn::Add(full ? hn::LoadU(d, c) : hn::MaskedLoad(last, d, c + j * vl), value);
        }
        if (ends && p.bias) {
          const float* bias = p.bias + column;
          value =
              hn::Add(value, full ? hn::LoadU(d, bias) : hn::MaskedLoad(last, d, bias + j * vl));
        }
        if (full) {
          hn::StoreU(value, d, c);
        } else {
          hn::BlendedStore(value, last, d, c + j * vl);
        }
      }
    }
    add = true;
  }
}

// Rows [m, m + kRows) of C for all columns from `column` on that this kVectors takes.
template <class D, int kRows, int kVectors, bool kSums>
HWY_NOINLINE void tile_rows(const Product& p, Index m, Index column) {
  TileRows<kRows> rows;
  Index outer = m / std::max<Index>(p.m_inner, 1), inner = m - outer * p.m_inner;
  for (int i = 0; i < kRows; ++i) {
    rows.a[i] = p.a + outer * p.a_outer + inner * p.a_inner;
    rows.c[i] = p.c + outer * p.c_outer + inner * p.c_inner;
    if (++inner == p.m_inner) inner = 0, ++outer;
  }
  tile<D, kRows, kVectors, kSums>(D(), p, rows, column);
}

template <class D, int kRows, int kVectors>
HWY_INLINE void dispatch_rows(const Product& p, Index m, Index count, Index column, bool sums) {
  if constexpr (kRows > 0) {
    if (count < kRows) return dispatch_rows<D, kRows - 1, kVectors>(p, m, count, column, sums);
    if (!sums) return tile_rows<D, kRows, kVectors, false>(p, m, column);
  }
  if (sums) tile_rows<D, kRows, kVectors, true>(p, m, column);
}

// Columns from `column` on, kVectors vectors wide, all rows in nearly equal tiles. The column sums
// go with the last tile.
template <class D, int kVectors>
HWY_INLINE void column_panel(const Product& p, Index column) {
  constexpr int kMost = kVectors == 2 ? kTileRowsOfTwo : kTileRows;
  const Index m = p.m_outer * p.m_inner;
  const Index rows = m + (p.column_sums ? 1 : 0);
  const Index tiles = (rows + kMost - 1) / kMost;
  for (Index i = 0; i < tiles; ++i) {
    const Range part = split(rows, tiles, i);
    const bool sums = p.column_sums && i == tiles - 1;
    const Index count = part.size() - (sums ? 1 : 0);
    dispatch_rows<D, kMost, kVectors>(p, part.begin, count, column, sums);
  }
}

HWY_INLINE void product(const Product& p) {
  const Index vl = lanes(Full());
  Index column = 0;
  for (; p.n - column > vl; column += 2 * vl) column_panel<Full, 2>(p, column);
  const Index left = p.n - column;
  if (left <= 0) return;
  if (left <= lanes(Quarter())) {
    column_panel<Quarter, 1>(p, column);
  } else if (left <= lanes(Half())) {
    column_panel<Half, 1>(p, column);
  } else {
    column_panel<Full, 1>(p, column);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
