// SPDX-License-Identifier: Apache-2.0
// The one rule for every sum of products: where its chains of fused multiply-adds end.
//
// A sum's terms come in rows (of taps, or of pixels), each of `row_length` terms. They are cut into
// segments of about kSegmentTerms terms:
//   - rows shorter than that are grouped, whole, as many as fit;
//   - a longer row is cut into blocks of kSegmentTerms terms, the last one shorter.
// A segment is one chain: a = +0; a = fma(x, w, a) for its terms in order. The sum is the first
// segment's value, plus the second's, plus the third's ... in index order. A bias is added last.
// Short chains are more accurate than one long one, and independent of each other, which is what
// lets a GPU, or two vector registers, share one sum without changing it.
#pragma once

#include <algorithm>

#include "convoy/base/tensor.hpp"

namespace convoy {

inline constexpr Index kSegmentTerms = 128;

// How many whole rows form a segment (1 where a row is cut into blocks).
constexpr Index rows_per_segment(Index row_length) {
  return std::max<Index>(1, kSegmentTerms / row_length);
}

// One segment: `terms` of each of `rows`. More than one row only where the terms are whole rows.
struct Segment {
  Range rows;
  Range terms;
};

constexpr Segment first_segment(Index row_count, Index row_length) {
  return {{0, std::min(rows_per_segment(row_length), row_count)},
          {0, std::min(row_length, kSegmentTerms)}};
}

// The segment after `s`; its rows are empty after the last one.
constexpr Segment next_segment(const Segment& s, Index row_count, Index row_length) {
  if (s.terms.end < row_length) {
    return {s.rows, {s.terms.end, std::min(s.terms.end + kSegmentTerms, row_length)}};
  }
  return {{s.rows.end, std::min(s.rows.end + rows_per_segment(row_length), row_count)},
          {0, std::min(row_length, kSegmentTerms)}};
}

// Calls segment(rows, terms) for each segment in order.
template <class Function>
constexpr void for_each_segment(Index row_count, Index row_length, Function segment) {
  for (Segment s = first_segment(row_count, row_length); !s.rows.empty();
       s = next_segment(s, row_count, row_length)) {
    segment(s.rows, s.terms);
  }
}

}  // namespace convoy
