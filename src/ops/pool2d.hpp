// SPDX-License-Identifier: Apache-2.0
// Max and average pooling, per channel; global average pooling is one average over the whole image,
// whatever its size. Taps that fall into the padding do not take part in a maximum, and are zeros
// in an average (which always divides by the kernel's area, as in PyTorch's count_include_pad).
//
//   max      y = the first tap in (ky, kx) order that no later tap exceeds: a later one replaces it
//            only if it is `>` (so +0 and -0 keep their order, and a NaN is never put in place of a
//            number). `argmax` is ky * KW + kx of this tap.
//   average  y = s * (1 / area), s = a chain of additions from +0 over the taps inside x, (ky, kx)
//            ascending, cut into segments as in segments.hpp (rows: ky; taps outside of x keep
//            their place when segments are cut); 1 / area rounded to Real.
//   input gradient
//            dx = a chain of additions from +0 over the windows that hold the pixel, (oy, ox)
//            ascending. Max: it adds dy of the windows whose argmax is this pixel; other windows
//            are no term. Average: it adds dy * (1 / area).
#pragma once

#include "ops/op_traits.hpp"
#include "ops/window.hpp"

namespace convoy {

enum class Pooling { max, average };

struct Pool2d {
  Shape in;
  Pooling pooling = Pooling::max;
  Extent kernel{2, 2};
  Extent stride{2, 2};
  Extent padding{0, 0};  // at most half of the kernel
  bool global = false;   // the kernel is the input's height and width

  friend constexpr bool operator==(const Pool2d&, const Pool2d&) = default;
};

constexpr Shape output_shape(const Pool2d& op) {
  return {(op.in.height + 2 * op.padding.height - op.kernel.height) / op.stride.height + 1,
          (op.in.width + 2 * op.padding.width - op.kernel.width) / op.stride.width + 1,
          op.in.channels};
}

template <>
struct OpTraits<Pool2d> : OpDefaults<Pool2d> {
  static constexpr std::array<ModelFileType<Pool2d>, 3> types = {
      {{"max_pool2d", "pool", {{}, Pooling::max}},
       {"average_pool2d", "pool", {{}, Pooling::average}},
       {"global_average_pool2d", "pool", {{}, Pooling::average, {1, 1}, {1, 1}, {0, 0}, true}}}};
  static constexpr std::size_t type_index(const Pool2d& op) {
    return op.global ? 2 : static_cast<std::size_t>(op.pooling);
  }
  static constexpr Units forward_units = Units::pixels;
  static constexpr Units input_gradient_units = Units::pixels;
  static constexpr PassFlops flops(const Pool2d& /*op*/) { return {}; }
  static constexpr bool keeps_argmax(const Pool2d& op) { return op.pooling == Pooling::max; }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    if (op.global) return;
    visit("size", op.kernel, Required{"size = 2"}, kPositiveSide);
    visit("stride", op.stride, op.kernel, kPositiveSide);
    visit("padding", op.padding, Extent{0, 0}, kAnySide);
  }

  static constexpr void fit(Pool2d& op) {
    if (op.global) op.kernel = op.stride = {op.in.height, op.in.width};
  }

  template <class Fail>
  static void check(const Pool2d& op, const Fail& fail) {
    check_window("size", op.in, op.kernel, op.padding, fail);
    if (2 * op.padding.height <= op.kernel.height && 2 * op.padding.width <= op.kernel.width) {
      return;
    }
    fail("padding", "padding " + to_string(op.padding) + " is more than half of the window",
         "size " + to_string(op.kernel) + ": whole windows would lie in the padding",
         "use a padding of at most half of the size");
  }
};

// The windows [begin, end) along one axis that hold `position` (padding included).
constexpr Range windows_at(Index position, Index kernel, Index stride, Index windows) {
  const Index first = position < kernel ? 0 : (position - kernel) / stride + 1;
  return {first, std::min(position / stride + 1, windows)};
}

}  // namespace convoy
