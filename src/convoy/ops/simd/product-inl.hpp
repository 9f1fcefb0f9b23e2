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
inline constexpr int kTileRows = HWY_MAX_BYTES == 32 ? 12 : 14;
inline constexpr int kTileRowsOfTwo = HWY_MAX_BYTES == 32 ? 5 : 12;
// Rows of the m grid at least this long are cut into tiles of their own, so that a tile's rows of A
// lie evenly apart; shorter ones are joined.
inline constexpr Index kLongRow = 8;

// The rows of a tile: where those of A and C start. at(term) is a view of one column of A.
//   AdjacentRows  one float apart in A: one pointer serves all
//   EvenRows      evenly apart: one pointer serves three rows (an address adds an index once or
//                 twice)
//   AnyRows       anywhere: rows of a tile that goes on in the next row of the m grid
struct AdjacentRows {
  const float* a0;
  float* c0;
  Index c_step;

  struct Column {
    const float* a;
    HWY_INLINE float operator[](int i) const { return a[i]; }
  };
  HWY_INLINE Column at(Index term) const { return {a0 + term}; }
  HWY_INLINE float* c(int i) const { return c0 + i * c_step; }
};

struct EvenRows {
  const float* a0;
  Index a_step;
  float* c0;
  Index c_step;

  struct Column {
    const float* a[(kTileRows + 2) / 3];
    Index step;
    HWY_INLINE float operator[](int i) const { return a[i / 3][i % 3 * step]; }
  };
  HWY_INLINE Column at(Index term) const {
    Column column;
    column.step = a_step;
    HWY_UNROLL(8)
    for (int i = 0; i < (kTileRows + 2) / 3; ++i) column.a[i] = a0 + term + 3 * i * a_step;
    return column;
  }
  HWY_INLINE float* c(int i) const { return c0 + i * c_step; }
};

struct AnyRows {
  const float* a_rows[kTileRows];
  float* c_rows[kTileRows];

  struct Column {
    const AnyRows& rows;
    Index term;
    HWY_INLINE float operator[](int i) const { return rows.a_rows[i][term]; }
  };
  HWY_INLINE Column at(Index term) const { return {*this, term}; }
  HWY_INLINE float* c(int i) const { return c_rows[i]; }
};

// One tile, all its terms. kSums: and the column sums.
template <class D, int kRows, int kVectors, bool kSums, class Rows>
HWY_INLINE void tile(D d, const Product& p, const Segments& segments, const Rows& rows,
                     Index column) {
  using V = hn::Vec<D>;
  const Index vl = lanes(d);
  const auto last = first_lanes(d, p.n - column - (kVectors - 1) * vl);
  constexpr int kAccumulators = kRows + (kSums ? 1 : 0);
  bool add = p.add;
  for (const Segment s : segments) {
    Register<D> sum[kAccumulators][kVectors];
    HWY_UNROLL(16)
    for (int i = 0; i < kAccumulators; ++i) {
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::Zero(d);
    }
    for (Index row = s.rows.begin; row < s.rows.end; ++row) {
      Index at = row * p.a_row + s.terms.begin * p.a_term;
      const float* b = p.b + row * p.b_row + s.terms.begin * p.b_term + column;
      for (Index t = s.terms.begin; t < s.terms.end; ++t, at += p.a_term, b += p.b_term) {
        const auto column_of_a = rows.at(at);
        Register<D> w[kVectors];
        if constexpr (kVectors == 2) w[0] = hn::LoadU(d, b);
        w[kVectors - 1] = hn::MaskedLoad(last, d, b + (kVectors - 1) * vl);
        HWY_UNROLL(16)
        for (int i = 0; i < kRows; ++i) {
          const V x = hn::Set(d, column_of_a[i]);
          HWY_UNROLL(2)
          for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(x, w[j], sum[i][j]);
        }
        if constexpr (kSums) {
          HWY_UNROLL(2)
          for (int j = 0; j < kVectors; ++j) sum[kRows][j] = hn::Add(w[j], sum[kRows][j]);
        }
      }
    }
    const float* bias = p.bias && segments.is_last(s) ? p.bias + column : nullptr;
    HWY_UNROLL(16)
    for (int i = 0; i < kAccumulators; ++i) {
      float* c = (i < kRows ? rows.c(i) : p.column_sums) + column;
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j, c += vl) {
        const bool full = j < kVectors - 1;
        V value = sum[i][j];
        if (add) value = hn::Add(full ? hn::LoadU(d, c) : hn::MaskedLoad(last, d, c), value);
        if (bias) {
          value =
              hn::Add(value, full ? hn::LoadU(d, bias) : hn::MaskedLoad(last, d, bias + j * vl));
        }
        if (full) {
          hn::StoreU(value, d, c);
        } else {
          hn::BlendedStore(value, last, d, c);
        }
      }
    }
    add = true;
  }
}

// Where a tile starts in the m grid.
struct TileStart {
  Index outer;
  Index inner;
};

template <class D, int kRows, int kVectors, bool kSums>
HWY_NOINLINE void tile_rows(const Product& p, const Segments& segments, TileStart at,
                            Index column) {
  const float* a = p.a + at.outer * p.a_outer + at.inner * p.a_inner;
  float* c = p.c + at.outer * p.c_outer + at.inner * p.c_inner;
  if (at.inner + kRows <= p.m_inner) {
    if (kVectors == 1 && !kSums && p.a_inner == 1) {
      const AdjacentRows rows{a, c, p.c_inner};
      tile<D, kRows, kVectors, kSums>(D(), p, segments, rows, column);
    } else {
      const EvenRows rows{a, p.a_inner, c, p.c_inner};
      tile<D, kRows, kVectors, kSums>(D(), p, segments, rows, column);
    }
    return;
  }
  AnyRows rows;
  for (int i = 0; i < kRows; ++i) {
    rows.a_rows[i] = a;
    rows.c_rows[i] = c;
    a += p.a_inner;
    c += p.c_inner;
    if (++at.inner == p.m_inner) {
      at = {at.outer + 1, 0};
      a = p.a + at.outer * p.a_outer;
      c = p.c + at.outer * p.c_outer;
    }
  }
  tile<D, kRows, kVectors, kSums>(D(), p, segments, rows, column);
}

template <class D, int kRows, int kVectors>
HWY_INLINE void dispatch_rows(const Product& p, const Segments& segments, TileStart at, Index count,
                              Index column, bool sums) {
  if constexpr (kRows > 0) {
    if (count < kRows) {
      return dispatch_rows<D, kRows - 1, kVectors>(p, segments, at, count, column, sums);
    }
    if (!sums) return tile_rows<D, kRows, kVectors, false>(p, segments, at, column);
  }
  if (sums) tile_rows<D, kRows, kVectors, true>(p, segments, at, column);
}

// Columns from `column` on, kVectors vectors wide, all rows in nearly equal tiles. The column sums
// go with the last tile.
template <class D, int kVectors>
HWY_INLINE void column_panel(const Product& p, Index column) {
  constexpr int kMost = kVectors == 2 ? kTileRowsOfTwo : kTileRows;
  const Segments segments(p.row_count, p.row_length);
  const bool joined = p.m_inner < kLongRow || p.column_sums;
  const Index blocks = joined ? 1 : p.m_outer;
  const Index rows = (joined ? p.m_outer * p.m_inner : p.m_inner) + (p.column_sums ? 1 : 0);
  const Index tiles = (rows + kMost - 1) / kMost;
  for (Index block = 0; block < blocks; ++block) {
    for (Index i = 0; i < tiles; ++i) {
      const Range part = split(rows, tiles, i);
      const bool sums = p.column_sums && i == tiles - 1;
      const Index count = part.size() - (sums ? 1 : 0);
      TileStart at{block, part.begin};
      if (joined && part.begin > 0) at = {part.begin / p.m_inner, part.begin % p.m_inner};
      dispatch_rows<D, kMost, kVectors>(p, segments, at, count, column, sums);
    }
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
