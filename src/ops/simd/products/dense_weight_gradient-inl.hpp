// SPDX-License-Identifier: Apache-2.0
// Weight gradients of a dense layer, of one grain or of several grains that are added up at once
// (WeightGradientSum in pass.hpp). A grain has so few samples that a store of its gradient, and a
// load for every addition, would cost more than the multiply-adds. So a tile of the gradient is
// computed for all grains: each grain's sum is built in registers and added there to the sum of its
// siblings, which waits in a stack of at most 16 KiB.
#if defined(CONVOY_OPS_SIMD_PRODUCTS_DENSE_WEIGHT_GRADIENT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_PRODUCTS_DENSE_WEIGHT_GRADIENT_INL_HPP
#undef CONVOY_OPS_SIMD_PRODUCTS_DENSE_WEIGHT_GRADIENT_INL_HPP
#else
#define CONVOY_OPS_SIMD_PRODUCTS_DENSE_WEIGHT_GRADIENT_INL_HPP
#endif

#include <algorithm>
#include <bit>

#include "base/check.hpp"
#include "ops/dense.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"
#include "ops/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// The vectors of a tile are independent chains; they leave registers for dy and a broadcast.
inline constexpr int kGradientTile = HWY_MAX_BYTES == 32 ? 8 : 16;

// What the tiles of a panel of columns share. Rows of x are neighbours in memory.
struct GradientPanel {
  const float* dy;  // the panel's first column
  Index columns, x_sample, dy_sample;
  std::span<const GrainPush> grains;
  Index depth;      // slots in use before
  Index slot_size;  // from one slot to the next
  Index row;        // from one row of the gradient to the next
};

static_assert(std::has_single_bit(kMostGrainPushes));
inline constexpr Index kMostLevel = Index{kMostGrainPushes} - 1;

template <int kRows, int kVectors>
HWY_NOINLINE void gradient_tile(const GradientPanel& p, const float* x, float* slots) {
  const Full d;
  const Index vl = lanes(d), at_last = (kVectors - 1) * vl;
  const auto last = first_lanes(d, p.columns - at_last);
  // Indexed by level modulo its size: the levels that wait are neighbours, and fewer than the
  // grains.
  HWY_ALIGN float stack[kMostGrainPushes][kRows * kVectors * HWY_LANES(float)];
  const float* dy = p.dy;
  Register<Full> sum[kRows][kVectors];
  const auto slot = [&](Index level, int i)
                        HWY_ATTR { return slots + level * p.slot_size + i * p.row; };
  const auto add_slot = [&](Index level) HWY_ATTR {
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      const float* left = slot(level, i);
      HWY_UNROLL(4)
      for (int j = 0; j < kVectors - 1; ++j) {
        sum[i][j] = hn::Add(hn::LoadU(d, left + j * vl), sum[i][j]);
      }
      sum[i][kVectors - 1] = hn::Add(hn::MaskedLoad(last, d, left + at_last), sum[i][kVectors - 1]);
    }
  };
  const auto store_slot = [&](Index level) HWY_ATTR {
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      float* to = slot(level, i);
      HWY_UNROLL(4)
      for (int j = 0; j < kVectors - 1; ++j) hn::StoreU(sum[i][j], d, to + j * vl);
      store_lanes(hn::Vec<Full>(sum[i][kVectors - 1]), last, d, to + at_last);
    }
  };
  const auto load_level = [&](Index level, auto&& use) HWY_ATTR {
    const float* from = stack[level & kMostLevel];
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      HWY_UNROLL(4)
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = use(hn::Load(d, from + (i * kVectors + j) * vl), sum[i][j]);
      }
    }
  };

  Index top = p.depth, in_slots = p.depth;  // levels below in_slots are in slots, others in `stack`
  const GrainPush* grain = p.grains.data();
  const GrainPush* last_grain = &p.grains.back();
  for (bool more = true; more; ++grain) {
    more = grain != last_grain;
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      HWY_UNROLL(4)
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::Zero(d);
    }
    for (Index s = 0; s < grain->samples; ++s, x += p.x_sample, dy += p.dy_sample) {
      Register<Full> g[kVectors];
      HWY_UNROLL(4)
      for (int j = 0; j < kVectors - 1; ++j) g[j] = hn::LoadU(d, dy + j * vl);
      g[kVectors - 1] = hn::MaskedLoad(last, d, dy + at_last);
      HWY_UNROLL(16)
      for (int i = 0; i < kRows; ++i) {
        const Vector value = hn::Set(d, x[i]);
        HWY_UNROLL(4)
        for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(value, g[j], sum[i][j]);
      }
    }
    for (int m = 0; m < grain->merges; ++m) {
      --top;
      if (top < in_slots) {
        add_slot(top);
      } else {
        load_level(top, [](Vector left, Vector right) HWY_ATTR { return hn::Add(left, right); });
      }
    }
    in_slots = std::min(in_slots, top);
    if (more) {
      float* to = stack[top & kMostLevel];
      HWY_UNROLL(16)
      for (int i = 0; i < kRows; ++i) {
        HWY_UNROLL(4)
        for (int j = 0; j < kVectors; ++j) hn::Store(sum[i][j], d, to + (i * kVectors + j) * vl);
      }
    }
    ++top;
  }
  store_slot(--top);
  while (top > in_slots) {
    load_level(--top, [](Vector value, Vector) HWY_ATTR { return value; });
    store_slot(top);
  }
}

// Writes `rows` rows of the gradient, from `x` on, to `slots`.
template <int kRows, int kVectors>
HWY_INLINE void gradient_rows(const GradientPanel& p, Index rows, const float* x, float* slots) {
  for (; rows >= kRows; rows -= kRows, x += kRows, slots += kRows * p.row) {
    gradient_tile<kRows, kVectors>(p, x, slots);
  }
  if constexpr (kRows > 1) gradient_rows<kRows / 2, kVectors>(p, rows, x, slots);
}

// Writes all columns of `rows` rows of the gradient.
HWY_INLINE void gradient_columns(GradientPanel p, Index rows, const float* x, float* slots) {
  const Index vl = lanes(Full()), all = p.columns;
  for (Index n = 0; n < all;) {
    const Index vectors = (all - n + vl - 1) / vl;
    const Index step = (vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1) * vl;
    p.columns = std::min(step, all - n);
    if (vectors >= 4) {
      gradient_rows<kGradientTile / 4, 4>(p, rows, x, slots + n);
    } else if (vectors >= 2) {
      gradient_rows<kGradientTile / 2, 2>(p, rows, x, slots + n);
    } else {
      gradient_rows<kGradientTile, 1>(p, rows, x, slots + n);
    }
    n += step;
    p.dy += step;
  }
}

inline void weight_gradient_sum(const Dense& op, const WeightGradientSum<float>& pass,
                                Range units) {
  CONVOY_ASSERT(!pass.grains.empty() && pass.grains.size() <= kMostGrainPushes);
  const Index K = op.in.size(), N = op.units;
  for ([[maybe_unused]] const GrainPush& grain : pass.grains) {
    CONVOY_ASSERT(grain.samples <= kSegmentTerms);  // a sum is one chain
  }
  const GradientPanel panel{pass.dy, N, K, N, pass.grains, pass.depth, pass.slot_size, N};
  const Index end = std::min(units.end, K);
  gradient_columns(panel, end - units.begin, pass.x + units.begin, pass.slots + units.begin * N);
  if (units.end > K) {  // the bias: its x is 1 everywhere
    static constexpr float kOne = 1.0F;
    GradientPanel bias = panel;
    bias.x_sample = 0;
    gradient_columns(bias, 1, &kOne, pass.slots + K * N);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
