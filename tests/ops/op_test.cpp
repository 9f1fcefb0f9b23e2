// SPDX-License-Identifier: Apache-2.0
// The facts of an operation that a plan uses, compared with plain counting for random operations.
#include "ops/op.hpp"
#include "ops/backend.hpp"

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
  std::vector<std::string> names;
  for_each_op([&]<class T>() {
    for (const ModelFileType<T>& type : OpTraits<T>::types) {
      const Op op{type.settings};
      const std::string name{type_name(op)};
      EXPECT_EQ(name, type.name);
      names.push_back(name);
      EXPECT_EQ(keeps_argmax(op), name == "max_pool2d");
      const bool activates =
          name == "relu" || name == "sigmoid" || name == "tanh" || name == "leaky_relu";
      EXPECT_TRUE(works_in_place(op) || !activates);
      EXPECT_EQ(reads_own_output(op), activates);
      EXPECT_EQ(reads_own_input(op), name == "batch_norm2d" || name == "silu");
      EXPECT_EQ(input_count(op), name == "add" ? 2 : 1);
    }
  });
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

// All backends of a machine run the vector code of these operations, not the reference.
TEST(Op, TheseHaveVectorCode) {
  const Shape shape{4, 4, 1};
  for (const Op& op : {Op{Conv2d{shape}}, Op{Subsample{shape}}, Op{Pool2d{shape}}, Op{Dense{shape}},
                       Op{Activation{shape}}, Op{Add{shape}}}) {
    for (const Backend* backend : backends()) {
      EXPECT_TRUE(backend->implements(op)) << backend->name << ": " << type_name(op);
    }
  }
}

// What an operation states is complete, or it does not compile.
struct WithoutLayout {
  Shape in;
};
struct WithoutFlops : WithoutLayout {};

}  // namespace
}  // namespace convoy

template <>
struct convoy::OpTraits<convoy::WithoutLayout> : OpDefaults<WithoutLayout> {
  static constexpr PassFlops flops(const WithoutLayout& /*op*/) { return {}; }
};
template <>
struct convoy::OpTraits<convoy::WithoutFlops> : OpDefaults<WithoutFlops> {
  static constexpr Units forward_units = Units::pixels;
  static constexpr Units input_gradient_units = Units::pixels;
};

namespace convoy {
namespace {

static_assert(!StatesUnits<WithoutLayout> && StatesFlops<WithoutLayout>);
static_assert(StatesUnits<WithoutFlops> && !StatesFlops<WithoutFlops>);
static_assert(!StatesTypes<WithoutFlops> && !StatesKeys<WithoutFlops>);
static_assert(StatesUnits<Dense> && StatesFlops<Dense> && StatesTypes<Dense> && StatesKeys<Dense>);
static_assert(is_trainable_v<Subsample> && !is_trainable_v<Pool2d>);

}  // namespace
}  // namespace convoy
