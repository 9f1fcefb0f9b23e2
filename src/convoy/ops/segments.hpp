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

// Calls segment(rows, terms) for each segment in order: `terms` is the range inside each of `rows`.
template <class Function>
constexpr void for_each_segment(Index row_count, Index row_length, Function segment) {
  const Index step = rows_per_segment(row_length);
  for (Index row = 0; row < row_count; row += step) {
    const Range rows{row, std::min(row + step, row_count)};
    if (rows.size() > 1 || row_length <= kSegmentTerms) {
      segment(rows, Range{0, row_length});
    } else {
      for (Index term = 0; term < row_length; term += kSegmentTerms) {
        segment(rows, Range{term, std::min(term + kSegmentTerms, row_length)});
      }
    }
  }
}

}  // namespace convoy
