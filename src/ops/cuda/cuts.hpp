// SPDX-License-Identifier: Apache-2.0
// The segments of ops/segments.hpp, found by their number and in 32-bit arithmetic, since a GPU
// divides 64-bit numbers slowly.
#pragma once

#include <algorithm>

#include "base/host_device.hpp"
#include "ops/segments.hpp"

namespace convoy::cuda {

inline constexpr int kTerms = static_cast<int>(kSegmentTerms);

// The segments of a sum of `rows` rows with `row_length` terms each. A segment is `segment_rows`
// whole rows; where that is 1, each row is cut into `row_segments` parts.
struct Cuts {
  int rows = 1, row_length = 1;
  int segment_rows = 1, row_segments = 1;
  int segments = 1;
};

CONVOY_HOST_DEVICE constexpr Cuts cuts_of(int rows, int row_length) {
  const int segment_rows = row_length > kTerms ? 1 : kTerms / row_length;
  const int row_segments = (row_length + kTerms - 1) / kTerms;
  const int segments =
      row_segments > 1 ? rows * row_segments : (rows + segment_rows - 1) / segment_rows;
  return {rows, row_length, segment_rows, row_segments, segments};
}

struct SegmentCut {
  int first_row, rows, first_term, terms;
};

CONVOY_HOST_DEVICE constexpr SegmentCut segment_of(const Cuts& cuts, int segment) {
  if (cuts.row_segments == 1) {
    const int first = segment * cuts.segment_rows;
    return {first, std::min(cuts.segment_rows, cuts.rows - first), 0, cuts.row_length};
  }
  const int row = segment / cuts.row_segments;
  const int first = (segment - row * cuts.row_segments) * kTerms;
  const int left = cuts.row_length - first;
  return {row, 1, first, left < kTerms ? left : kTerms};
}

}  // namespace convoy::cuda
