// SPDX-License-Identifier: Apache-2.0
// dropout.hpp: a vector of blocks of random bits at a time. It is the vector form of
// reference/dropout.hpp.
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_DROPOUT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_DROPOUT_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_DROPOUT_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_DROPOUT_INL_HPP
#endif

#include "ops/dropout.hpp"
#include "ops/simd/elementwise/elementwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Full>;
using WordVector = hn::Vec<Words>;

// The upper halves of the products of 32-bit numbers.
HWY_INLINE WordVector multiply_high(WordVector a, WordVector b) {
  const Words d;
  const hn::RepartitionToWide<Words> wide;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))),
                               hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, b))));
  const auto upper = hn::Set(wide, std::uint64_t{0xFFFFFFFF} << 32);
  return hn::BitCast(d, hn::Or(hn::ShiftRight<32>(even), hn::And(odd, upper)));
}

// Writes the random bits of 4 * lanes elements, from block `first` on (random_block()).
HWY_INLINE void random_words(const RandomStream& stream, std::uint32_t sample, std::uint32_t first,
                             std::uint32_t* words) {
  const Words d;
  const auto word = static_cast<std::uint32_t>(stream.purpose) << 16 | stream.layer;
  auto c0 = hn::Iota(d, first), c1 = hn::Set(d, sample);
  auto c2 = hn::Set(d, stream.epoch), c3 = hn::Set(d, word);
  auto key0 = static_cast<std::uint32_t>(stream.seed);
  auto key1 = static_cast<std::uint32_t>(stream.seed >> 32);
  const auto m0 = hn::Set(d, 0xD2511F53U), m1 = hn::Set(d, 0xCD9E8D57U);
  for (int round = 0; round < 10; ++round) {
    const auto low0 = hn::Mul(m0, c0), low1 = hn::Mul(m1, c2);
    const auto high0 = multiply_high(m0, c0), high1 = multiply_high(m1, c2);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, key0));
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, key1));
    c1 = low1;
    c3 = low0;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  hn::StoreInterleaved4(c0, c1, c2, c3, d, words);
}

// Elements [range) of one sample.
HWY_INLINE void drop_of_sample(const Dropping& dropping, const RandomStream& stream,
                               std::uint32_t sample, Range range, const float* from, float* to) {
  const Full d;
  const Words words;
  const Index vl = lanes(d);
  const auto scale = hn::Set(d, dropping.scale);
  const auto threshold = hn::Set(words, dropping.threshold);
  alignas(kAlignment) std::uint32_t bits[4 * kMostLanes];
  for (Index i = range.begin; i < range.end;) {
    const Index first = i / 4 * 4, end = std::min(first + 4 * vl, range.end);
    random_words(stream, sample, static_cast<std::uint32_t>(first / 4), bits);
    for (; i < end; i += std::min(vl, end - i)) {
      const auto mask = first_lanes(d, end - i);
      const auto of_elements =
          hn::MaskedLoad(hn::RebindMask(words, mask), words, bits + (i - first));
      const auto is_kept = hn::RebindMask(d, hn::Not(hn::Lt(of_elements, threshold)));
      const auto value = hn::Mul(hn::MaskedLoad(mask, d, from + i), scale);
      store_lanes(hn::IfThenElseZero(is_kept, value), mask, d, to + i);
    }
  }
}

HWY_INLINE void drop(const Dropout& op, const StepContext& context, Range range, const float* from,
                     float* to) {
  if (!context.is_training) {
    return map(range, from, from, to, [](Vector x, Vector) HWY_ATTR { return x; });
  }
  const Dropping dropping = dropping_of(op);
  const RandomStream stream = dropout_stream(context);
  const Index size = op.in.size();
  for (Index i = range.begin; i < range.end;) {
    const Index sample = i / size, first = sample * size;
    const Index end = std::min(first + size, range.end);
    drop_of_sample(dropping, stream, context.samples[sample], {i - first, end - first},
                   from + first, to + first);
    i = end;
  }
}

inline void forward(const Dropout& op, const Forward<float>& pass, Range units) {
  drop(op, pass.context, elements(units, pass.samples * op.in.size()), pass.x, pass.y);
}

inline void input_gradient(const Dropout& op, const InputGradient<float>& pass, Range units) {
  drop(op, pass.context, elements(units, pass.samples * op.in.size()), pass.dy, pass.dx);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
