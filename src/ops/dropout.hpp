// SPDX-License-Identifier: Apache-2.0
// Dropout (N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
// Overfitting", 2014), as torch.nn.Dropout: in training each number is dropped with the probability
// `rate`, and the others are scaled, so that the mean stays. In an evaluation it does nothing.
//
//   scale = 1 / (1 - rate), computed in double, rounded once
//   y     = kept ? x * scale : +0
//   dx    = kept ? dy * scale : +0
//
// Element e of a sample is kept where its 32 random bits (base/random.hpp: Purpose::dropout, the
// run's seed, the epoch, the number of the layer, the sample's number in the data set, e) are at
// least rate * 2^32, rounded down. So it depends on nothing else which numbers are kept, and the
// backward pass computes that once more instead of storing it.
#pragma once

#include "base/random.hpp"
#include "ops/op_traits.hpp"
#include "ops/pass.hpp"

namespace convoy {

struct Dropout {
  Shape in;
  double rate = 0.5;
};

constexpr Shape output_shape(const Dropout& op) {
  return op.in;
}

// What the passes use of an operation, in 32 bits.
struct Dropping {
  std::uint32_t threshold = 0;
  float scale = 1;
};
constexpr Dropping dropping_of(const Dropout& op) {
  return {static_cast<std::uint32_t>(op.rate * 0x1p32), static_cast<float>(1 / (1 - op.rate))};
}
CONVOY_HOST_DEVICE constexpr RandomStream dropout_stream(const StepContext& context) {
  return {context.seed, Purpose::dropout, static_cast<std::uint16_t>(context.layer), context.epoch};
}

template <>
struct OpTraits<Dropout> : OpDefaults<Dropout> {
  static constexpr std::array<ModelFileType<Dropout>, 1> types = {{{"dropout", "dropout"}}};
  static constexpr Units forward_units = Units::elements;
  static constexpr Units input_gradient_units = Units::elements;
  static constexpr PassFlops flops(const Dropout& /*op*/) { return {}; }
  static constexpr bool works_in_place(const Dropout& /*op*/) { return true; }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    visit("rate", op.rate, 0.5, kBelowOne);
  }
};

}  // namespace convoy
