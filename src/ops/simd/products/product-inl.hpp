// SPDX-License-Identifier: Apache-2.0
// The micro-kernel for all products: C[m][n] = sum over terms of A[m][term] * B[term][n], in the
// order of additions of segments.hpp. Convolution, dense layer and their gradients call it, except
// where channels or samples are few.
//
// A tile of C, up to kTileRows rows of one or two vectors, stays in registers for a segment: each
// term broadcasts one number of A per row and multiplies it with a vector of B. Vectors run over n,
// never across a sum. After a segment the tile is stored to C (first segment) or added to it (later
// ones). All tiles of a panel of columns compute one segment before the next begins, so that its
// rows of B stay in the first-level cache.
#if defined(CONVOY_OPS_SIMD_PRODUCTS_PRODUCT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_PRODUCTS_PRODUCT_INL_HPP
#undef CONVOY_OPS_SIMD_PRODUCTS_PRODUCT_INL_HPP
#else
#define CONVOY_OPS_SIMD_PRODUCTS_PRODUCT_INL_HPP
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/check.hpp"
#include "ops/segments.hpp"
#include "ops/simd/lanes-inl.hpp"

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

// 32 registers hold 14 x 2 accumulators, two vectors of B and a broadcast; 16 hold half of that.
inline constexpr int kTileRows = HWY_MAX_BYTES == 32 ? 12 : 16;
inline constexpr int kTileRowsOfTwo = HWY_MAX_BYTES == 32 ? 6 : 14;
// Rows of the m grid that are at least this long are cut into tiles of their own, so that a tile's
// rows of A lie evenly apart; shorter ones are joined.
inline constexpr Index kLongRow = 8;

// A segment of a panel of columns: the values that all its tiles share.
struct Work {
  Index row_count, row_length;  // numbers of terms
  Index a_term, a_skip;         // from one term to the next; from a row's end to the next row
  Index b_term, b_skip;
  const float* b;      // the first term
  Index columns_left;  // of C, from the panel's last vector on
  bool add;
  const float* bias;
  float* column_sums;

  // The m grid.
  Index m_inner;
  Index a_inner, a_wrap;  // from one row to the next; the same after the last of m_inner
  Index c_inner, c_wrap;
};

// The rows of a tile: where those of A and C start. at(i) is the element of A's row i for the
// current term, to which advance() has moved; where terms are neighbours in A, at(i, t) is the
// element t terms later.
//   AdjacentRows  one float apart in A: one pointer serves all
//   EvenRows      evenly apart, and terms are neighbours: one pointer serves four rows, so that all
//                 stay in registers, and it advances once for kTerms terms
//   AnyRows       at any place: rows of a tile that continues in the next row of the m grid
inline constexpr int kTerms = 4;

template <int kRows>
struct AdjacentRows {
  AdjacentRows(const Work& work, const float* a0, float* c0, Index)
      : a(a0), c_begin(c0), c_step(work.c_inner) {}
  HWY_INLINE float at(int i) const { return a[i]; }
  HWY_INLINE void advance(Index floats) { a += floats; }
  HWY_INLINE float* c(int i) const { return c_begin + i * c_step; }

  static constexpr bool kAdjacentTerms = false;
  const float* a;
  float* c_begin;
  Index c_step;
};

template <int kRows>
struct EvenRows {
  EvenRows(const Work& work, const float* a0, float* c0, Index)
      : a_step(work.a_inner), c_begin(c0), c_step(work.c_inner) {
    HWY_UNROLL(4)
    for (int i = 0; i < kPointers; ++i) a[i] = a0 + 4 * i * a_step;
  }
  HWY_INLINE float at(int i, int t = 0) const { return a[i / 4][i % 4 * a_step + t]; }
  HWY_INLINE void advance(Index floats) {
    HWY_UNROLL(4)
    for (int i = 0; i < kPointers; ++i) a[i] += floats;
  }
  HWY_INLINE float* c(int i) const { return c_begin + i * c_step; }

  static constexpr bool kAdjacentTerms = true;
  static constexpr int kPointers = (kRows + 3) / 4;
  const float* a[kPointers];
  Index a_step;
  float* c_begin;
  Index c_step;
};

template <int kRows>
struct AnyRows {
  AnyRows(const Work& work, const float* a0, float* c0, Index inner) : a(a0) {
    Index distance = 0;
    for (int i = 0; i < kRows; ++i) {
      a_rows[i] = distance;
      c_rows[i] = c0;
      const bool wrap = ++inner == work.m_inner;
      if (wrap) inner = 0;
      distance += wrap ? work.a_wrap : work.a_inner;
      c0 += wrap ? work.c_wrap : work.c_inner;
    }
  }
  HWY_INLINE float at(int i) const { return a[a_rows[i]]; }
  HWY_INLINE void advance(Index floats) { a += floats; }
  HWY_INLINE float* c(int i) const { return c_rows[i]; }

  static constexpr bool kAdjacentTerms = false;
  const float* a;
  Index a_rows[kRows];
  float* c_rows[kRows];
};

// Accesses the last vector of a row. A mask costs an instruction that competes with multiply-adds,
// and a store through a mask is slow on some processors.
template <bool kWhole, class D>
HWY_INLINE hn::Vec<D> load_last(D d, hn::Mask<D> mask, const float* from) {
  if constexpr (kWhole) {
    return hn::LoadU(d, from);
  } else {
    return hn::MaskedLoad(mask, d, from);
  }
}

template <bool kWhole, class D>
HWY_INLINE void store_last(hn::Vec<D> value, hn::Mask<D> mask, D d, float* to) {
  if constexpr (kWhole) {
    hn::StoreU(value, d, to);
  } else {
    store_lanes(value, mask, d, to);
  }
}

// Computes one tile, whose first row starts at a and c, at position `inner` in its row of the m
// grid. kSums: computes the column sums too.
template <class D, int kRows, int kVectors, bool kWhole, bool kSums, template <int> class Rows>
HWY_NOINLINE void tile(const Work& work, const float* a, float* c, Index inner) {
  const D d;
  using V = hn::Vec<D>;
  constexpr int kAccumulators = kRows + (kSums ? 1 : 0);
  const Index vl = lanes(d);
  const auto last = first_lanes(d, work.columns_left);
  const Index at_last = (kVectors - 1) * vl;
  Rows<std::max(kRows, 1)> rows(work, a, c, inner);
  Register<D> sum[kAccumulators][kVectors];
  HWY_UNROLL(17)
  for (int i = 0; i < kAccumulators; ++i) {
    HWY_UNROLL(2)
    for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::Zero(d);
  }
  const float* b = work.b;
  const Index a_term = work.a_term, b_term = work.b_term, row_length = work.row_length;
  const auto add_term = [&](const auto& at, const float* from) HWY_ATTR {
    Register<D> w[kVectors];
    if constexpr (kVectors == 2) w[0] = hn::LoadU(d, from);
    w[kVectors - 1] = load_last<kWhole>(d, last, from + at_last);
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      const V x = hn::Set(d, at(i));
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(x, w[j], sum[i][j]);
    }
    if constexpr (kSums) {
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j) sum[kRows][j] = hn::Add(w[j], sum[kRows][j]);
    }
  };
  for (Index row = work.row_count; row > 0; --row, rows.advance(work.a_skip), b += work.b_skip) {
    Index left = row_length;
    if constexpr (rows.kAdjacentTerms) {
      for (; left >= kTerms; left -= kTerms, rows.advance(kTerms)) {
        HWY_UNROLL(4)
        for (int t = 0; t < kTerms; ++t, b += b_term) {
          add_term([&](int i) HWY_ATTR { return rows.at(i, t); }, b);
        }
      }
    }
    for (; left > 0; --left, rows.advance(a_term), b += b_term) {
      add_term([&](int i) HWY_ATTR { return rows.at(i); }, b);
    }
  }
  const auto row_of_c = [&](int i) HWY_ATTR { return i < kRows ? rows.c(i) : work.column_sums; };
  if (work.add) {
    HWY_UNROLL(17)
    for (int i = 0; i < kAccumulators; ++i) {
      const float* to = row_of_c(i);
      if constexpr (kVectors == 2) sum[i][0] = hn::Add(hn::LoadU(d, to), sum[i][0]);
      const V value = sum[i][kVectors - 1];
      sum[i][kVectors - 1] = hn::Add(load_last<kWhole>(d, last, to + at_last), value);
    }
  }
  if (work.bias) {
    HWY_UNROLL(17)
    for (int i = 0; i < kAccumulators; ++i) {
      if constexpr (kVectors == 2) sum[i][0] = hn::Add(sum[i][0], hn::LoadU(d, work.bias));
      const V value = sum[i][kVectors - 1];
      sum[i][kVectors - 1] = hn::Add(value, load_last<kWhole>(d, last, work.bias + at_last));
    }
  }
  HWY_UNROLL(17)
  for (int i = 0; i < kAccumulators; ++i) {
    float* to = row_of_c(i);
    if constexpr (kVectors == 2) hn::StoreU(sum[i][0], d, to);
    store_last<kWhole>(hn::Vec<D>(sum[i][kVectors - 1]), last, d, to + at_last);
  }
}

using TileFunction = void (*)(const Work&, const float* a, float* c, Index inner);

// Element i computes the tile of kFirst + i rows.
template <class D, int kVectors, bool kWhole, bool kSums, template <int> class Rows, int... kRows>
constexpr std::array<TileFunction, sizeof...(kRows)> tiles_of(
    std::integer_sequence<int, kRows...>) {
  return {tile<D, kRows + (kSums ? 0 : 1), kVectors, kWhole, kSums, Rows>...};
}

// Computes the columns from `column` on, kVectors vectors wide, with all rows in nearly equal
// tiles. The last tile computes the column sums.
template <class D, int kVectors, bool kWhole>
HWY_INLINE void column_panel(const Product& p, Index column) {
  constexpr int kMost = kVectors == 2 ? kTileRowsOfTwo : kTileRows;
  using Counts = std::make_integer_sequence<int, kMost>;
  static constexpr auto kAdjacent = tiles_of<D, kVectors, kWhole, false, AdjacentRows>(Counts());
  static constexpr auto kEven = tiles_of<D, kVectors, kWhole, false, EvenRows>(Counts());
  static constexpr auto kAny = tiles_of<D, kVectors, kWhole, false, AnyRows>(Counts());
  static constexpr auto kAdjacentAndSums =
      tiles_of<D, kVectors, kWhole, true, AdjacentRows>(Counts());
  static constexpr auto kAnyAndSums = tiles_of<D, kVectors, kWhole, true, AnyRows>(Counts());

  const bool adjacent = p.a_inner == 1;
  CONVOY_ASSERT(adjacent || p.a_term == 1);
  const bool joined = p.m_inner < kLongRow;
  const Index blocks = joined ? 1 : p.m_outer;
  const Index rows = joined ? p.m_outer * p.m_inner : p.m_inner;
  const Segments segments(p.row_count, p.row_length);
  Work work;
  work.a_term = p.a_term;
  work.b_term = p.b_term;
  work.columns_left = p.n - column - (kVectors - 1) * lanes(D());
  work.add = p.add;
  work.column_sums = p.column_sums ? p.column_sums + column : nullptr;
  work.m_inner = p.m_inner;
  work.a_inner = p.a_inner;
  work.a_wrap = p.a_outer - (p.m_inner - 1) * p.a_inner;
  work.c_inner = p.c_inner;
  work.c_wrap = p.c_outer - (p.m_inner - 1) * p.c_inner;
  for (const Segment s : segments) {
    work.row_count = s.rows.size();
    work.row_length = s.terms.size();
    work.a_skip = p.a_row - work.row_length * p.a_term;
    work.b_skip = p.b_row - work.row_length * p.b_term;
    work.b = p.b + s.rows.begin * p.b_row + s.terms.begin * p.b_term + column;
    work.bias = p.bias && segments.is_last(s) ? p.bias + column : nullptr;
    const float* a = p.a + s.rows.begin * p.a_row + s.terms.begin * p.a_term;
    float* c = p.c + column;
    for (Index block = 0; block < blocks; ++block, a += p.a_outer, c += p.c_outer) {
      const bool with_sums = p.column_sums && block == blocks - 1;
      const Index tiles = (rows + (with_sums ? 1 : 0) + kMost - 1) / kMost;
      for (Index i = 0; i < tiles; ++i) {
        const Range part = split(rows + (with_sums ? 1 : 0), tiles, i);
        const bool sums = with_sums && i == tiles - 1;
        const Index count = part.size() - (sums ? 1 : 0);
        const Index outer = joined && part.begin > 0 ? part.begin / p.m_inner : 0;
        const Index inner = part.begin - outer * p.m_inner;
        const bool one_row = inner + count <= p.m_inner;
        const auto& table = sums       ? (adjacent && one_row ? kAdjacentAndSums : kAnyAndSums)
                            : !one_row ? kAny
                            : adjacent ? kAdjacent
                                       : kEven;
        table[static_cast<std::size_t>(sums ? count : count - 1)](
            work, a + outer * p.a_outer + inner * p.a_inner,
            c + outer * p.c_outer + inner * p.c_inner, inner);
      }
    }
    work.add = true;
  }
}

HWY_INLINE void product(const Product& p) {
  const Index vl = lanes(Full());
  Index column = 0;
  for (; p.n - column >= 2 * vl; column += 2 * vl) column_panel<Full, 2, true>(p, column);
  const Index left = p.n - column;
  if (left > vl) {
    column_panel<Full, 2, false>(p, column);
  } else if (left == vl) {
    column_panel<Full, 1, true>(p, column);
  } else if (left > 0) {
    column_panel<Full, 1, false>(p, column);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
