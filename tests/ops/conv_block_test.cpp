// SPDX-License-Identifier: Apache-2.0
// A block of convolution, ReLU and max pool gives the bits of these operations one after the other,
// in the reference: forward, both gradients, and any division of the weight rows; for thin
// convolutions, for those with and without a sparse gradient, for sides that a pool does not cover,
// and for hostile numbers.
#include "ops/conv_block.hpp"

#include <gtest/gtest.h>

#include "ops/backend.hpp"
#include "ops/sparse_gradient.hpp"
#include "tests/ops/guarded.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

using Floats = Guarded<float>;

// Behind a pool, simd/convolutions/sparse_input_gradient-inl.hpp.
void make_sparse(Random& random, Conv2d& conv) {
  conv.in.channels = random.channels(40);
  const Index most = kSegmentTerms / conv.kernel.width;
  conv.filters = random.chance(70) ? random.pick(most / 2 + 1, most) : random.chance(50) ? 32 : 64;
}

// Behind a pool, simd/convolutions/wide_sparse_weight_gradient-inl.hpp: groups of channels, whole
// and not.
void make_wide(Random& random, Conv2d& conv) {
  conv.kernel = {3, 3};
  conv.in.channels = random.chance(50) ? 16 * random.pick(1, 4) : random.pick(9, 50);
  conv.filters = random.channels(20);
}

ConvBlock random_block(Random& random) {
  Conv2d conv;
  if (random.chance(70)) {
    make_thin(random, conv);
    const bool wide = random.chance(10), sparse = wide || random.chance(30);
    if (wide) {
      make_wide(random, conv);
    } else if (sparse) {
      make_sparse(random, conv);
    }
    conv.in.height = random.pick(conv.kernel.height, sparse ? 10 : 18);
    conv.in.width = random.pick(conv.kernel.width, sparse ? 10 : 18);
  } else {
    conv.kernel = {random.pick(1, 5), random.pick(1, 5)};
    conv.stride = {random.pick(1, 2), random.pick(1, 2)};
    conv.in = {random.pick(5, 12), random.pick(5, 12), random.channels(20)};
    conv.filters = random.channels(33);
  }
  conv.padding = {random.pick(0, conv.kernel.height - 1), random.pick(0, conv.kernel.width - 1)};
  conv.bias = random.chance(80);
  const Shape out = output_shape(conv);
  ConvBlock block{conv, random.chance(60) && out.height >= 2 && out.width >= 2};
  block.pool = block.pool && is_fusible(block);
  return block;
}

void fill(Floats& array, Random& random, Values values) {
  for (Index i = 0; i < array.size(); ++i) array[i] = random_float(random, values);
}

// The three operations in the reference.
struct Composition {
  ConvBlock block;
  Index samples;
  Floats x, parameters, y, dy, dx, gradient;

  Composition(const ConvBlock& b, Index n, Random& random, Values values)
      : block(b),
        samples(n),
        x(n * b.conv.in.size(), random.pick(0, 3)),
        parameters(parameter_shape(Op(b.conv)).size(), random.pick(0, 3)),
        y(n * output_shape(b).size(), random.pick(0, 3)),
        dy(y.size(), random.pick(0, 3)),
        dx(x.size()),
        gradient(parameters.size()) {
    fill(x, random, values);
    fill(dy, random, values);
    // The weights have to be finite (conv2d.hpp).
    fill(parameters, random, values == Values::hostile ? Values::tiny : values);
    compute();
  }

  // The results of the operations for the current x, parameters and dy.
  void compute() {
    const Backend& reference = reference::backend();
    const Op conv = block.conv, relu = Activation{output_shape(block.conv)}, pool = pool_of(block);
    const Index n = samples, size = n * output_shape(block.conv).size();
    Floats sums(size), rectified(size), unpooled(size), unrectified(size);
    Guarded<Argmax> argmax(y.size());
    reference.forward(conv, {n, x.data(), nullptr, parameters.data(), sums.data()},
                      {0, forward_units(conv, n)});
    Floats& last = block.pool ? rectified : y;
    reference.forward(relu, {n, sums.data(), nullptr, nullptr, last.data()},
                      {0, forward_units(relu, n)});
    if (block.pool) {
      reference.forward(pool, {n, last.data(), nullptr, nullptr, y.data(), argmax.data()},
                        {0, forward_units(pool, n)});
      reference.input_gradient(
          pool, {n, dy.data(), nullptr, y.data(), nullptr, nullptr, argmax.data(), unpooled.data()},
          {0, input_gradient_units(pool, n)});
    }
    const float* gradient_of_relu = block.pool ? unpooled.data() : dy.data();
    reference.input_gradient(
        relu,
        {n, gradient_of_relu, nullptr, last.data(), nullptr, nullptr, nullptr, unrectified.data()},
        {0, input_gradient_units(relu, n)});
    reference.input_gradient(conv,
                             {n, unrectified.data(), nullptr, sums.data(), parameters.data(),
                              nullptr, nullptr, dx.data()},
                             {0, input_gradient_units(conv, n)});
    reference.weight_gradient(conv, {n, x.data(), unrectified.data(), gradient.data()},
                              {0, weight_gradient_units(conv)});
  }
};

void expect_same(const Floats& expected, const Floats& actual, const char* what) {
  ASSERT_TRUE(actual.guards_hold()) << what;
  for (Index i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(same_bits(expected[i], actual[i]))
        << what << "[" << i << "]: " << actual[i] << " instead of " << expected[i];
  }
}

void check(const Composition& c, const Backend& backend, Random& random) {
  Floats scratch(scratch_size(c.block)), y(c.y.size(), random.pick(0, 3));
  Guarded<Argmax> argmax(c.y.size());
  Argmax* argmaxes = c.block.pool ? argmax.data() : nullptr;
  backend.block_forward(c.block, {c.samples, c.x.data(), nullptr, c.parameters.data(), y.data(),
                                  argmaxes, scratch.data()});
  expect_same(c.y, y, "y");
  ASSERT_TRUE(argmax.guards_hold());

  const Op conv = c.block.conv;
  Floats packed(packed_size(conv)), dx(c.dx.size());
  backend.pack(conv, c.parameters.data(), packed.data(), {0, parameter_shape(conv).taps});
  backend.block_input_gradient(
      c.block, {c.samples, c.dy.data(), nullptr, y.data(), c.parameters.data(), packed.data(),
                argmaxes, dx.data(), scratch.data()});
  expect_same(c.dx, dx, "dx");

  // The gradients of all rows at once, and of random parts of them.
  Floats gradient(c.gradient.size()), parts(c.gradient.size(), random.pick(0, 3));
  WeightGradient<float> pass{c.samples,      c.x.data(), c.dy.data(), gradient.data(),
                             scratch.data(), y.data(),   argmaxes};
  backend.block_weight_gradient(c.block, pass, {0, weight_gradient_units(conv)});
  expect_same(c.gradient, gradient, "gradient");
  pass.gradient = parts.data();
  for (const Range& part : random_partition(random, weight_gradient_units(conv))) {
    backend.block_weight_gradient(c.block, pass, part);
  }
  expect_same(c.gradient, parts, "gradient in parts");
  ASSERT_TRUE(scratch.guards_hold());
}

TEST(ConvBlockTest, IsItsOperationsOneAfterTheOther) {
  Random random(11);
  for (int round = 0; round < rounds(1200); ++round) {
    const ConvBlock block = random_block(random);
    const Index samples = random.pick(1, 5);
    const Composition composition(block, samples, random, values_of(round));
    for (const Backend* backend : backends()) {
      if (!backend->block_forward) continue;
      SCOPED_TRACE(
          fmt::format("round {}, {}: {} samples {}x{}x{}, {} filters {}x{}, stride {} {}, padding "
                      "{} {}, pool {}",
                      round, backend->name, samples, block.conv.in.height, block.conv.in.width,
                      block.conv.in.channels, block.conv.filters, block.conv.kernel.height,
                      block.conv.kernel.width, block.conv.stride.height, block.conv.stride.width,
                      block.conv.padding.height, block.conv.padding.width, block.pool));
      check(composition, *backend, random);
      if (HasFatalFailure()) return;
    }
  }
}

// The max pool's backward pass turns a -0 of dy into +0 at the argmax. A sum that underflowed to -0
// shows the difference: -0 + (-1)(+0) is -0, -0 + (-1)(-0) would be +0.
TEST(ConvBlockTest, NegativeZeroGradientsBecomePositiveAtTheArgmax) {
  Random random(12);
  for (const Index channels : {4, 24}) {  // of both kernels for sparse weight gradients
    Conv2d conv;
    conv.in = {4, 6, channels};
    conv.kernel = {3, 3};
    conv.filters = 8;
    conv.bias = true;
    const ConvBlock block{conv, true};
    ASSERT_TRUE(has_sparse_weights(conv, true));
    Composition c(block, 1, random, Values::tiny);
    for (Index i = 0; i < conv.filters; ++i) {  // every output is positive
      c.parameters[c.parameters.size() - 1 - i] = 100;
    }
    for (Index i = 0; i < c.x.size(); ++i) c.x[i] = random.chance(50) ? 1e-30F : -1.0F;
    for (Index i = 0; i < c.dy.size(); ++i) c.dy[i] = i < conv.filters ? -1e-30F : -0.0F;
    c.compute();
    Index negative_zeros = 0;
    for (Index i = 0; i < c.gradient.size(); ++i) negative_zeros += same_bits(c.gradient[i], -0.0F);
    EXPECT_GT(negative_zeros, 0) << "the case is not made";
    for (const Backend* backend : backends()) {
      if (backend->block_forward) check(c, *backend, random);
    }
  }
}

}  // namespace
}  // namespace convoy::test
