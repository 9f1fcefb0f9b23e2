// SPDX-License-Identifier: Apache-2.0
// The facts of an operation that a plan uses, compared with plain counting for random operations.
#include "ops/op.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace convoy {
namespace {

// The windows of a kernel along one axis, counted by placing the kernel at every position where it
// fits.
Index windows(Index size, Index kernel, Index stride, Index padding) {
  Index count = 0;
  for (Index begin = -padding; begin + kernel <= size + padding; begin += stride) ++count;
  return count;
}

Conv2d random_conv(std::mt19937& random) {
  const auto pick = [&](Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(random);
  };
  Conv2d op;
  op.in = {pick(1, 12), pick(1, 12), pick(1, 5)};
  op.filters = pick(1, 7);
  op.kernel = {pick(1, op.in.height), pick(1, op.in.width)};
  op.stride = {pick(1, 4), pick(1, 4)};
  op.padding = {pick(0, op.kernel.height - 1), pick(0, op.kernel.width - 1)};
  op.bias = pick(0, 1) == 1;
  return op;
}

TEST(Op, OutputShapesAreThePlacesOfTheKernel) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const Conv2d conv = random_conv(random);
    const Index h =
        windows(conv.in.height, conv.kernel.height, conv.stride.height, conv.padding.height);
    const Index w =
        windows(conv.in.width, conv.kernel.width, conv.stride.width, conv.padding.width);
    EXPECT_EQ(output_shape(Op{conv}), (Shape{h, w, conv.filters}));
    const Pool2d pool{conv.in, Pooling::average, conv.kernel, conv.stride, conv.padding};
    EXPECT_EQ(output_shape(Op{pool}), (Shape{h, w, conv.in.channels}));
    const Subsample subsample{conv.in, conv.kernel, conv.stride};
    EXPECT_EQ(
        output_shape(Op{subsample}),
        (Shape{windows(conv.in.height, conv.kernel.height, conv.stride.height, 0),
               windows(conv.in.width, conv.kernel.width, conv.stride.width, 0), conv.in.channels}));
    EXPECT_EQ(input_shape(Op{subsample}), conv.in);
  }
}

TEST(Op, UnitsCoverEveryOutputOnce) {
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    const Conv2d conv = random_conv(random);
    const Shape out = output_shape(conv);
    const Index samples = 1 + round % 5;
    EXPECT_EQ(forward_units(conv, samples) * out.channels, out.size() * samples);
    EXPECT_EQ(input_gradient_units(conv, samples) * conv.in.channels, conv.in.size() * samples);
    EXPECT_EQ(weight_gradient_units(conv) * conv.filters, parameter_shape(conv).size());

    // A dense unit holds at most kColumnBlock columns of one sample, an elementwise one of the flat
    // array over all samples: no unit is empty, and none is missing.
    const Dense dense{conv.in, conv.filters * 9};
    const Index forward_blocks = forward_units(dense, samples) / samples;
    EXPECT_EQ(forward_units(dense, samples) % samples, 0);
    EXPECT_GE(forward_blocks * kColumnBlock, dense.units);
    EXPECT_LT((forward_blocks - 1) * kColumnBlock, dense.units);
    const Index gradient_blocks = input_gradient_units(dense, samples) / samples;
    EXPECT_GE(gradient_blocks * kColumnBlock, conv.in.size());
    EXPECT_LT((gradient_blocks - 1) * kColumnBlock, conv.in.size());
    const Activation relu{conv.in, ActivationFunction::relu};
    EXPECT_GE(forward_units(relu, samples) * kColumnBlock, conv.in.size() * samples);
    EXPECT_LT((forward_units(relu, samples) - 1) * kColumnBlock, conv.in.size() * samples);
    EXPECT_EQ(forward_units(relu, samples), input_gradient_units(relu, samples));
    EXPECT_EQ(forward_units(relu, samples), forward_units(Add{conv.in}, samples));
  }
}

// Counted as a loop over outputs and taps would; fans as PyTorch counts them.
TEST(Op, ParametersAndFlops) {
  const Conv2d conv{{28, 28, 3}, 6, {5, 3}, {1, 2}, {2, 0}, true};
  const ParameterShape p = parameter_shape(conv);
  EXPECT_EQ(p.taps, 45);
  EXPECT_EQ(p.columns, 6);
  EXPECT_EQ(p.size(), 46 * 6);
  EXPECT_EQ(p.fan_in, 45);
  EXPECT_EQ(p.fan_out, 90);
  EXPECT_EQ(forward_flops(conv), 2 * 28 * 13 * 6 * 45);
  EXPECT_EQ(weight_gradient_flops(conv), forward_flops(conv));
  EXPECT_EQ(input_gradient_flops(conv), forward_flops(conv));

  Subsample subsample{{24, 24, 6}, {4, 4}, {4, 4}, true, true};
  EXPECT_EQ(parameter_shape(subsample).size(), 17);
  EXPECT_EQ(parameter_shape(subsample).fan_in, 16);
  EXPECT_EQ(parameter_shape(subsample).fan_out, 16);
  EXPECT_EQ(forward_flops(subsample), 2 * 6 * 6 * 6 * 16);
  subsample.shared = false;
  EXPECT_EQ(parameter_shape(subsample).size(), 17 * 6);
  EXPECT_EQ(parameter_shape(subsample).fan_in, 16);

  const Dense dense{{6, 6, 6}, 10, false};
  EXPECT_EQ(parameter_shape(dense).size(), 2160);
  EXPECT_EQ(parameter_shape(dense).rows(), 216);
  EXPECT_EQ(parameter_shape(dense).fan_in, 216);
  EXPECT_EQ(parameter_shape(dense).fan_out, 10);
  EXPECT_EQ(forward_flops(dense), 2 * 2160);

  for (const Op& op : {Op{Pool2d{{4, 4, 1}}}, Op{Activation{{4, 4, 1}}}, Op{Add{{4, 4, 1}}}}) {
    EXPECT_EQ(parameter_shape(op).size(), 0);
    EXPECT_EQ(weight_gradient_units(op), 0);
    EXPECT_EQ(forward_flops(op), 0);
  }
}

TEST(Op, NamesAreDistinctAndTraitsBelongToOneKind) {
  const Shape shape{4, 4, 1};
  const std::vector<Op> ops = {Conv2d{shape},
                               Subsample{shape},
                               Pool2d{shape, Pooling::max},
                               Pool2d{shape, Pooling::average},
                               Dense{shape},
                               Activation{shape, ActivationFunction::relu},
                               Activation{shape, ActivationFunction::sigmoid},
                               Activation{shape, ActivationFunction::tanh},
                               Add{shape}};
  std::set<std::string> names;
  for (const Op& op : ops) {
    const std::string name{type_name(op)};
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(keeps_argmax(op), name == "max_pool2d");
    EXPECT_EQ(works_in_place(op), name == "relu" || name == "sigmoid" || name == "tanh");
  }
}

}  // namespace
}  // namespace convoy
