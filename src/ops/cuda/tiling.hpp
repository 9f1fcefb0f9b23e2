// SPDX-License-Identifier: Apache-2.0
// Divides a product among the threads of a GPU. It changes speed alone.
#pragma once

#include <algorithm>
#include <bit>

#include "ops/cuda/product.hpp"

namespace convoy::cuda {

inline constexpr int kWarp = 32;

// The most columns that a thread may read in one access.
inline int widest_columns(const Product& p) {
  const auto fits = [&](int width) {
    return p.columns % width == 0 && p.b.offset % width == 0 && p.b.stride % width == 0 &&
           p.b_row % width == 0 && p.b_term % width == 0;
  };
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}

// Chooses large tiles where these are enough for all threads. Where they are not, lanes share the
// segments of a sum; where that is not enough, tiles have fewer columns.
inline Product tiled(Product p, const Work& work) {
  p.tile_columns = widest_columns(p);
  p.tile_rows = 4;
  if (tile_count(p, work.samples, work.grain) >= work.threads) return p;
  p.tile_rows = 1;
  const auto idle = [&] {
    return tile_count(p, work.samples, work.grain) * p.lanes() * 2 <= work.threads;
  };
  if (p.sharing == Sharing::samples) {
    const int most =
        std::min(kWarp, in_32_bits(std::bit_ceil(static_cast<unsigned>(p.terms.segments))));
    while (p.lanes() < most && idle()) ++p.lane_bits;
  }
  while (p.tile_columns > 1 && idle()) p.tile_columns /= 2;
  return p;
}

}  // namespace convoy::cuda
