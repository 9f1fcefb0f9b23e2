// SPDX-License-Identifier: Apache-2.0
// The micro-kernel for all sums of products (product.hpp).
//
// It is output-stationary: a thread keeps the sums of a tile of positions x columns in registers
// and walks over the terms. A segment is a chain of fused multiply-adds, whose value is added to
// the sums at its end. Where there are fewer tiles than threads, the lanes of a warp take one
// segment each, and pass their values on in order.
//
// Traffic: for each term, a tile reads tile_rows numbers of `a` and, in one access, tile_columns
// numbers of `b`. Neighbouring threads have neighbouring columns, then neighbouring positions, so
// that a warp reads few lines of the first-level cache (or of shared memory). Each sum is written
// once. Grid: any; the threads of the group take the tiles in turn.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/cuda/group.cuh"
#include "ops/cuda/product.hpp"

namespace convoy::cuda {

// kCount neighbouring numbers, aligned to their total size.
template <int kCount>
__device__ inline void load(const float* from, float (&to)[kCount]) {
  if constexpr (kCount == 4) {
    const float4 v = *reinterpret_cast<const float4*>(from);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  } else if constexpr (kCount == 2) {
    const float2 v = *reinterpret_cast<const float2*>(from);
    to[0] = v.x, to[1] = v.y;
  } else {
    to[0] = from[0];
  }
}

// Sets acc to the value of one segment, for a tile whose positions begin at `a`.
template <int kRows, int kColumns>
__device__ inline void segment_value(const Product& p, const SegmentCut& cut,
                                     const float* const (&a)[kRows], const float* b,
                                     float (&acc)[kRows][kColumns]) {
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kColumns; ++j) acc[i][j] = 0;
  // The number of terms whose loads are in flight at a time. A small tile spends its time on
  // waiting for loads, so it has more of them in flight.
  [[maybe_unused]] constexpr int kAhead = kRows * kColumns > 4 ? 4 : 16;
  for (int row = 0; row < cut.rows; ++row) {
    int at = (cut.first_row + row) * p.a_row + cut.first_term * p.a_term;
    const float* b_at = b + (cut.first_row + row) * p.b_row + cut.first_term * p.b_term;
    CONVOY_UNROLL(kAhead)
    for (int term = 0; term < cut.terms; ++term) {
      float weights[kColumns];
      load(b_at, weights);
      CONVOY_UNROLL(4)
      for (int i = 0; i < kRows; ++i) {
        const float x = a[i][at];
        CONVOY_UNROLL(4)
        for (int j = 0; j < kColumns; ++j) acc[i][j] = std::fma(x, weights[j], acc[i][j]);
      }
      at += p.a_term;
      b_at += p.b_term;
    }
  }
}

// sum = sum + value; the first value replaces the sum.
template <int kRows, int kColumns>
__device__ inline void add_segment(bool first, const float (&value)[kRows][kColumns],
                                   float (&sum)[kRows][kColumns]) {
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kColumns; ++j) sum[i][j] = first ? value[i][j] : sum[i][j] + value[i][j];
}

// Adds the segments of one sample to the sum over the samples before it.
template <int kRows, int kColumns>
__device__ inline void sum_segments(const Product& p, int lane, bool first,
                                    const float* const (&a)[kRows], const float* b,
                                    float (&sum)[kRows][kColumns]) {
  float value[kRows][kColumns] = {};
  if (p.lane_bits == 0) {
    for (int segment = 0; segment < p.terms.segments; ++segment) {
      segment_value(p, segment_of(p.terms, segment), a, b, value);
      add_segment(first && segment == 0, value, sum);
    }
    return;
  }
  for (int begin = 0; begin < p.terms.segments; begin += p.lanes()) {
    if (begin + lane < p.terms.segments)
      segment_value(p, segment_of(p.terms, begin + lane), a, b, value);
    for (int from = 0; from < p.lanes() && begin + from < p.terms.segments; ++from) {
      float other[kRows][kColumns];
      for (int i = 0; i < kRows; ++i)
        for (int j = 0; j < kColumns; ++j)
          other[i][j] = __shfl_sync(0xFFFFFFFFU, value[i][j], from, p.lanes());
      add_segment(first && begin + from == 0, other, sum);
    }
  }
}

// The sums that a tile computes.
struct Tile {
  int column = 0, position = 0;  // the first; further positions are a stride apart
  int stride = 1, positions = 1;
  int segment = 0, first_sample = 0, samples = 1;  // samples whose terms are summed
};

template <int kRows, int kColumns>
__device__ inline Tile tile_of(const Product& p, const Samples& samples, int number) {
  const int column_tiles = p.columns / kColumns;
  const int of_sample = p.height * p.width;
  Tile tile;
  tile.positions = p.sharing == Sharing::samples ? samples.count * of_sample : of_sample;
  tile.stride = (tile.positions + kRows - 1) / kRows;
  const int rest = number / column_tiles;
  tile.column = (number - rest * column_tiles) * kColumns;
  const int unit = rest / tile.stride;
  tile.position = rest - unit * tile.stride;
  if (p.sharing == Sharing::segments) {
    tile.first_sample = unit / p.terms.segments;
    tile.segment = unit - tile.first_sample * p.terms.segments;
  } else if (p.sharing == Sharing::grains) {
    tile.first_sample = unit * samples.grain;
    tile.samples = std::min(samples.grain, samples.count - tile.first_sample);
  }
  return tile;
}

// The sample, row and column of position `position` of a tile.
struct Position {
  int sample = 0, y = 0, x = 0;
};
__device__ inline Position position_of(const Product& p, int position) {
  Position found;
  if (p.sharing == Sharing::samples) {
    const int of_sample = p.height * p.width;
    found.sample = position / of_sample;
    position -= found.sample * of_sample;
  }
  found.y = position / p.width;
  found.x = position - found.y * p.width;
  return found;
}

template <int kRows, int kColumns>
__device__ inline void store(const Product& p, const Memories& memories, const Tile& tile, int unit,
                             const Position (&positions)[kRows],
                             const float (&sum)[kRows][kColumns]) {
  float* const c = resolve(p.c, memories);
  const float* const bias = p.has_bias ? resolve(p.bias, memories) + tile.column : nullptr;
  for (int i = 0; i < kRows; ++i) {
    if (tile.position + i * tile.stride >= tile.positions) continue;
    const Index sample = positions[i].sample + unit;
    float* const to = c + sample * p.c.stride + tile.segment * p.c_segment +
                      positions[i].y * p.c_y + positions[i].x * p.c_x + tile.column;
    for (int j = 0; j < kColumns; ++j) {
      float value = sum[i][j];
      if (p.has_bias) value = value + bias[j];
      if (p.adds_zero) value = value + 0.0F;
      to[j] = value;
    }
  }
}

template <int kRows, int kColumns>
__device__ void run_tile(const Product& p, const Memories& memories, const Samples& samples,
                         int number, int lane, bool writes) {
  const Tile tile = tile_of<kRows, kColumns>(p, samples, number);
  const float* const a0 = resolve(p.a, memories);
  const float* const b0 = resolve(p.b, memories) + tile.column;
  Position positions[kRows];
  const float* a[kRows];
  for (int i = 0; i < kRows; ++i) {
    const int position = std::min(tile.position + i * tile.stride, tile.positions - 1);
    positions[i] = position_of(p, position);
    a[i] = a0 + positions[i].y * p.a_y + positions[i].x * p.a_x +
           static_cast<Index>(positions[i].sample + tile.first_sample) * p.a.stride;
  }
  const float* b = b0 + static_cast<Index>(tile.first_sample) * p.b.stride;
  float sum[kRows][kColumns] = {};  // a sum of no terms is +0
  if (p.sharing == Sharing::segments) {
    segment_value(p, segment_of(p.terms, tile.segment), a, b, sum);
  } else {
    for (int s = 0; s < tile.samples; ++s) {
      sum_segments(p, lane, s == 0, a, b, sum);
      for (int i = 0; i < kRows; ++i) a[i] += p.a.stride;
      b += p.b.stride;
    }
  }
  if (!writes) return;
  const int unit =
      p.sharing == Sharing::grains ? tile.first_sample / samples.grain : tile.first_sample;
  store(p, memories, tile, unit, positions, sum);
}

// The lanes of a warp exchange values, so all of them run a tile. A lane without a tile of its own
// repeats the last one and writes nothing.
template <int kRows, int kColumns>
__device__ void run_tiles(const Product& p, const Memories& memories, const Samples& samples,
                          const Group& group) {
  const int tiles = tile_count(p, samples.count, samples.grain);
  const int lane = group.rank & (p.lanes() - 1), first = group.rank >> p.lane_bits;
  const int step = group.size >> p.lane_bits;
  for (int begin = 0; begin < tiles; begin += step) {
    const int number = begin + first;
    if (number >= tiles && p.lane_bits == 0) return;
    run_tile<kRows, kColumns>(p, memories, samples, std::min(number, tiles - 1), lane,
                              number < tiles && lane == 0);
  }
}

__device__ inline void run(const Product& p, const Memories& memories, const Samples& samples,
                           const Group& group) {
  const bool tall = p.tile_rows == 4;
  if (p.tile_columns == 4) {
    tall ? run_tiles<4, 4>(p, memories, samples, group)
         : run_tiles<1, 4>(p, memories, samples, group);
  } else if (p.tile_columns == 2) {
    tall ? run_tiles<4, 2>(p, memories, samples, group)
         : run_tiles<1, 2>(p, memories, samples, group);
  } else {
    tall ? run_tiles<4, 1>(p, memories, samples, group)
         : run_tiles<1, 1>(p, memories, samples, group);
  }
}

}  // namespace convoy::cuda
