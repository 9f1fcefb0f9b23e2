// SPDX-License-Identifier: Apache-2.0
// Random operations and random numbers for the tests of the operations, and the outputs that each
// unit of a pass owns, computed a second time from the description in op.hpp.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ops/op.hpp"
#include "ops/pass.hpp"
#include "ops/segments.hpp"

namespace convoy::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  Index pick(Index low, Index high) {  // both ends included
    return std::uniform_int_distribution<Index>(low, high)(engine_);
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }
  // Mostly small, often near the widths of vectors, at most `most`.
  Index channels(Index most) {
    static constexpr Index edges[] = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40};
    const Index n = chance(50) ? edges[pick(0, 14)] : pick(1, most);
    return std::min(n, most);
  }

 private:
  std::mt19937_64 engine_;
};

enum class Values {
  tame,     // uniform in (-1, 1)
  wide,     // 60 binary orders of magnitude, so that another order of additions has other bits
  tiny,     // zeros of both signs, denormals, and numbers whose products are denormal
  hostile,  // infinities, NaN, the largest numbers among all of the above
};

inline Values values_of(int round) {
  return static_cast<Values>(round % 4);
}

inline float random_float(Random& random, Values values) {
  const auto tame = static_cast<float>(random.uniform(-1, 1));
  if (values == Values::tame) return tame;
  if (values == Values::wide) return std::ldexp(tame, static_cast<int>(random.pick(-30, 30)));
  using Limits = std::numeric_limits<float>;
  switch (random.pick(values == Values::tiny ? 4 : 0, 40)) {
    case 0:
      return Limits::infinity();
    case 1:
      return -Limits::infinity();
    case 2:
      return random.chance(50) ? Limits::quiet_NaN() : -Limits::quiet_NaN();
    case 3:
      return random.chance(50) ? Limits::max() : Limits::lowest();
    case 4:
    case 5:
      return Limits::min() * tame;  // denormal
    case 6:
      return random.chance(50) ? Limits::denorm_min() : -Limits::denorm_min();
    case 7:
    case 8:
    case 9:
      return 0.0F;
    case 10:
    case 11:
    case 12:
      return -0.0F;
    case 13:
      return std::ldexp(tame,
                        static_cast<int>(random.pick(-140, values == Values::tiny ? 0 : 127)));
    case 14:
    case 15:
    case 16:
      return std::ldexp(tame, -65);  // whose products are denormal
    default:
      return random.chance(20) ? static_cast<float>(random.pick(-3, 3)) : tame;  // ties
  }
}

inline bool same_bits(float a, float b) {
  return (a != a && b != b) || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
inline bool same_bits(double a, double b) {
  return (a != a && b != b) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}
inline bool same_bits(std::int32_t a, std::int32_t b) {
  return a == b;
}

// Limits of a random operation. Multiply-adds are those of one sample's forward pass.
struct Bounds {
  Index side = 20;
  Index channels = 40;
  Index kernel = 7;
  Index multiply_adds = 150'000;
};

inline Extent random_extent(Random& random, Index low, Index high) {
  if (random.chance(50)) {
    const Index n = random.pick(low, high);
    return {n, n};
  }
  return {random.pick(low, high), random.pick(low, high)};
}

// Height and width; sometimes a few very long rows, for the segments of a weight gradient.
inline Shape random_image(Random& random, const Bounds& bounds, Index channels) {
  if (bounds.side >= 20 && random.chance(8)) {
    return {random.pick(1, 3), random.pick(100, 300), std::min<Index>(channels, 3)};
  }
  return {random.pick(1, bounds.side), random.pick(1, bounds.side), channels};
}

// Does a window of this kernel fit the padded image?
inline bool fits(const Shape& in, Extent kernel, Extent padding) {
  return in.height + 2 * padding.height >= kernel.height &&
         in.width + 2 * padding.width >= kernel.width;
}

// Few channels: simd/convolutions/thin_conv-inl.hpp and
// simd/convolutions/narrow_input_gradient-inl.hpp.
inline void make_thin(Random& random, Conv2d& op) {
  const Index side = random.chance(50) ? 3 : 5;
  op.kernel = {side, side};
  op.in.channels = random.chance(40) ? 1 : random.pick(2, 8);
  op.filters = random.chance(50) ? random.pick(1, 8) : random.channels(40);
  op.stride = {1, 1};
}

inline Conv2d random_conv2d(Random& random, const Bounds& bounds) {
  for (;;) {
    Conv2d op;
    op.in = random_image(random, bounds, random.channels(bounds.channels));
    op.filters = random.channels(bounds.channels);
    op.kernel = random_extent(random, 1, bounds.kernel);
    if (op.in.width >= 100 && random.chance(50)) op.kernel.width = random.pick(50, 150);
    op.stride = random.chance(50) ? Extent{1, 1} : random_extent(random, 1, 4);
    if (bounds.kernel >= 5 && random.chance(25)) make_thin(random, op);
    if (random.chance(60)) {
      op.padding = {random.pick(0, op.kernel.height - 1), random.pick(0, op.kernel.width - 1)};
    }
    op.bias = random.chance(80);
    if (fits(op.in, op.kernel, op.padding) && forward_flops(op) <= 2 * bounds.multiply_adds) {
      return op;
    }
  }
}

inline Subsample random_subsample(Random& random, const Bounds& bounds) {
  for (;;) {
    Subsample op;
    op.in = random_image(random, bounds, random.channels(bounds.channels));
    op.kernel = random_extent(random, 1, bounds.kernel);
    if (op.in.width >= 100 && random.chance(50)) op.kernel.width = random.pick(50, 300);
    if (random.chance(10)) op.kernel = random_extent(random, 10, 16);
    op.stride = random.chance(50) ? op.kernel : random_extent(random, 1, 4);
    op.shared = random.chance(50);
    op.bias = random.chance(80);
    if (fits(op.in, op.kernel, {0, 0})) return op;
  }
}

inline Pool2d random_pool2d(Random& random, const Bounds& bounds) {
  for (;;) {
    Pool2d op;
    op.in = random_image(random, bounds, random.channels(bounds.channels));
    op.pooling = random.chance(50) ? Pooling::max : Pooling::average;
    op.kernel = random_extent(random, 1, bounds.kernel);
    if (op.in.width >= 100 && random.chance(50)) op.kernel.width = random.pick(50, 300);
    if (random.chance(10)) op.kernel = random_extent(random, 10, 16);
    op.stride = random.chance(50) ? op.kernel : random_extent(random, 1, 4);
    if (random.chance(50)) {
      op.padding = {random.pick(0, op.kernel.height / 2), random.pick(0, op.kernel.width / 2)};
    }
    if (random.chance(10)) {
      op = {op.in, Pooling::average, {1, 1}, {1, 1}, {0, 0}, true};
      OpTraits<Pool2d>::fit(op);
    }
    if (fits(op.in, op.kernel, op.padding)) return op;
  }
}

inline Dense random_dense(Random& random, const Bounds& bounds) {
  for (;;) {
    Dense op;
    op.in = random.chance(50) ? Shape{1, 1, random.pick(1, 1000)}
                              : Shape{random.pick(1, 9), random.pick(1, 9), random.pick(1, 20)};
    op.units = random.chance(20) ? random.pick(1, 300) : random.channels(bounds.channels);
    op.bias = random.chance(80);
    if (forward_flops(op) <= 2 * bounds.multiply_adds) return op;
  }
}

inline Op random_elementwise(Random& random, const Bounds& bounds) {
  const Shape in{random.pick(1, bounds.side), random.pick(1, 5), random.pick(1, 5)};
  if (random.chance(25)) return Add{in};
  if (random.chance(10)) return Flatten{in};
  if (random.chance(25)) return Dropout{in, random.chance(20) ? 0 : random.uniform(0, 1)};
  return Activation{in, static_cast<ActivationFunction>(random.pick(0, 4)), random.uniform(0, 1)};
}

// Where in a run the passes of an operation are. `samples` must outlive it.
inline StepContext random_context(Random& random, Index count,
                                  std::vector<std::uint32_t>& samples) {
  samples.clear();
  for (Index i = 0; i < count; ++i) {
    samples.push_back(static_cast<std::uint32_t>(random.pick(0, 70'000)));
  }
  StepContext context{true, static_cast<std::uint64_t>(random.pick(0, 1'000'000)),
                      static_cast<std::uint32_t>(random.pick(1, 9)), random.pick(1, 1000)};
  context.samples = samples.data();
  context.layer = static_cast<int>(random.pick(0, 30));
  return context;
}

using MakeOp = Op (*)(Random&, const Bounds&);

struct Kind {
  const char* name;
  MakeOp make;

  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

inline constexpr Kind kKinds[] = {
    {"conv2d", [](Random& r, const Bounds& b) -> Op { return random_conv2d(r, b); }},
    {"subsample", [](Random& r, const Bounds& b) -> Op { return random_subsample(r, b); }},
    {"pool2d", [](Random& r, const Bounds& b) -> Op { return random_pool2d(r, b); }},
    {"dense", [](Random& r, const Bounds& b) -> Op { return random_dense(r, b); }},
    {"elementwise", random_elementwise},
};

// Text with all that is needed to build a failing operation again.
inline std::string describe(const Op& op) {
  const Shape in = input_shape(op), out = output_shape(op);
  std::string text = fmt::format("{} {}x{}x{} -> {}x{}x{}", type_name(op), in.height, in.width,
                                 in.channels, out.height, out.width, out.channels);
  std::visit(
      [&](const auto& o) {
        if constexpr (requires { o.kernel; }) {
          text += fmt::format(" kernel {}x{} stride {}x{}", o.kernel.height, o.kernel.width,
                              o.stride.height, o.stride.width);
        }
        if constexpr (requires { o.padding; }) {
          text += fmt::format(" padding {}x{}", o.padding.height, o.padding.width);
        }
        if constexpr (requires { o.bias; }) text += o.bias ? " bias" : " no bias";
        if constexpr (requires { o.shared; }) text += o.shared ? " shared" : " own";
      },
      op);
  return text;
}

enum class PassKind { forward, input_gradient, weight_gradient };

// The elements that a unit of a pass writes.
inline Range owned_by(const Op& op, PassKind pass, Index samples, Index unit) {
  if (pass == PassKind::weight_gradient) {
    const Index columns = parameter_shape(op).columns;
    return {unit * columns, (unit + 1) * columns};
  }
  const bool forward = pass == PassKind::forward;
  const Shape shape = forward ? output_shape(op) : input_shape(op);
  const Units units = std::visit(
      [&]<class T>(const T&) {
        return forward ? OpTraits<T>::forward_units : OpTraits<T>::input_gradient_units;
      },
      op);
  switch (units) {
    case Units::pixels:
      return {unit * shape.channels, (unit + 1) * shape.channels};
    case Units::elements:
      return {unit * kColumnBlock, std::min((unit + 1) * kColumnBlock, samples * shape.size())};
    case Units::columns:
      break;
  }
  const Index sample = unit % samples, column = unit / samples * kColumnBlock;
  return {sample * shape.size() + column,
          sample * shape.size() + std::min(column + kColumnBlock, shape.size())};
}

// [0, n) cut into random ranges, some of them empty, in order.
inline std::vector<Range> random_partition(Random& random, Index n) {
  std::vector<Range> parts;
  const Index most = random.chance(50) ? std::max<Index>(1, n / 2) : n;
  for (Index at = 0; at < n;) {
    const Index end = std::min(n, at + random.pick(0, most));
    parts.push_back({at, end});
    at = end;
  }
  return parts;
}

}  // namespace convoy::test
