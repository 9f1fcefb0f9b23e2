// SPDX-License-Identifier: Apache-2.0
// The rule by which every sum of products is cut into chains of fused multiply-adds.
//
// A sum's terms come in rows (of taps, or of pixels), each of `row_length` terms. They are cut into
// segments of about kSegmentTerms terms:
//   - rows shorter than that are grouped; a segment has as many whole rows as fit;
//   - a longer row is cut into blocks of kSegmentTerms terms, the last one shorter.
// A segment is one chain: a = +0; a = fma(x, w, a) for its terms in order. The sum is the first
// segment's value, plus the second's, plus the third's ... in index order. A bias is added last.
// Short chains are more accurate than one long chain. They also do not depend on each other, so
// that a GPU, or two vector registers, can share one sum without a change of its bits.
#pragma once

#include <algorithm>

#include "base/tensor.hpp"

namespace convoy {

inline constexpr Index kSegmentTerms = 128;

// One segment: `terms` of each of `rows`. It has several rows only where it consists of whole rows.
struct Segment {
  Range rows;
  Range terms;
};

// The segments of a sum, in order: for (const Segment s : Segments(row_count, row_length)).
class Segments {
 public:
  constexpr Segments(Index row_count, Index row_length)
      : row_count_(row_count),
        row_length_(row_length),
        rows_per_segment_(std::max<Index>(1, kSegmentTerms / row_length)) {}

  struct End {};
  class Iterator {
   public:
    constexpr explicit Iterator(const Segments& all) : all_(&all), segment_(all.at(0, 0)) {}
    constexpr Segment operator*() const { return segment_; }
    constexpr Iterator& operator++() {
      const bool row_goes_on = segment_.terms.end < all_->row_length_;
      segment_ = row_goes_on ? all_->at(segment_.rows.begin, segment_.terms.end)
                             : all_->at(segment_.rows.end, 0);
      return *this;
    }
    constexpr bool operator!=(End) const { return segment_.rows.begin < all_->row_count_; }

   private:
    const Segments* all_;
    Segment segment_;
  };

  constexpr Iterator begin() const { return Iterator(*this); }
  constexpr End end() const { return {}; }

  // Whether `s` is the last segment.
  constexpr bool is_last(const Segment& s) const {
    return s.rows.end == row_count_ && s.terms.end == row_length_;
  }

 private:
  constexpr Segment at(Index row, Index term) const {
    return {{row, std::min(row + rows_per_segment_, row_count_)},
            {term, std::min(term + kSegmentTerms, row_length_)}};
  }

  Index row_count_;
  Index row_length_;
  Index rows_per_segment_;  // 1 where a row is cut into blocks
};

}  // namespace convoy
