// SPDX-License-Identifier: Apache-2.0
#include "net/net.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/net/failure.hpp"

namespace convoy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Layer layer(std::string name, Op op, std::vector<int> inputs) {
  Layer made;
  made.name = std::move(name);
  made.op = std::move(op);
  made.inputs = std::move(inputs);
  return made;
}

Conv2d conv(Index filters, Index kernel, Index padding = 0) {
  Conv2d op;
  op.filters = filters;
  op.kernel = {kernel, kernel};
  op.padding = {padding, padding};
  return op;
}

Dense dense(Index units) {
  return Dense{{}, units, true};
}

Net make(std::vector<Layer> layers, LossFunction loss = LossFunction::softmax_cross_entropy) {
  return Net("net", {8, 8, 3}, {}, std::move(layers), loss);
}

// Two branches of one shape, added, then scores.
std::vector<Layer> residual() {
  return {layer("a", conv(4, 3, 1), {kNetInput}), layer("b", conv(4, 3, 1), {0}),
          layer("sum", Add{}, {0, 1}), layer("relu", Activation{}, {2}),
          layer("out", dense(10), {3})};
}

TEST(Net, InfersShapesAlongTheGraph) {
  const Net net = make(residual());
  EXPECT_EQ(output_shape(net.layers()[2].op), (Shape{8, 8, 4}));
  EXPECT_EQ(input_shape(net.layers()[4].op), (Shape{8, 8, 4}));
  EXPECT_EQ(net.loss().classes, 10);
  EXPECT_FALSE(net.needs_input_gradient(0));
  for (int i = 1; i < 5; ++i) EXPECT_TRUE(net.needs_input_gradient(i)) << i;
}

TEST(Net, NoInputGradientWhereNothingBelowLearns) {
  Pool2d pool;
  const Net net = make({layer("pool", pool, {kNetInput}), layer("relu", Activation{}, {0}),
                        layer("conv", conv(2, 3), {1}), layer("out", dense(2), {2})});
  EXPECT_FALSE(net.needs_input_gradient(0));
  EXPECT_FALSE(net.needs_input_gradient(1));
  EXPECT_FALSE(net.needs_input_gradient(2));
  EXPECT_TRUE(net.needs_input_gradient(3));
  const Index conv_flops = 2 * 2 * 2 * 2 * 27, dense_flops = 2 * 8 * 2;
  EXPECT_EQ(net.flops_per_sample(), 2 * conv_flops + 3 * dense_flops);
}

struct Wrong {
  std::string what;
  std::function<void(std::vector<Layer>&)> spoil;
  std::vector<std::string> said;
};

TEST(Net, SaysWhichLayerDoesNotFitAndWhatToDo) {
  const std::vector<Wrong> wrongs = {
      {"kernel",
       [](auto& l) { l[0].op = conv(4, 11); },
       {"layer 'a' (conv2d)", "kernel 11 x 11 is larger", "8 x 8 x 3", "make kernel smaller"}},
      {"padding",
       [](auto& l) { l[0].op = conv(4, 3, 3); },
       {"layer 'a' (conv2d)", "padding 3 x 3 is not smaller than the kernel",
        "at most kernel - 1"}},
      {"pool padding",
       [](auto& l) {
         l[3].op = Pool2d{{}, Pooling::max, {3, 3}, {2, 2}, {2, 2}};
       },
       {"layer 'relu' (max_pool2d)", "padding 2 x 2 is more than half", "at most half"}},
      {"add",
       [](auto& l) { l[1].op = conv(5, 3, 1); },
       {"layer 'sum' (add)", "differ in shape", "'a' is 8 x 8 x 4, 'b' is 8 x 8 x 5", "one shape"}},
      {"add twice",
       [](auto& l) {
         l[2].inputs = {1, 1};
       },
       {"layer 'sum' (add)", "'b' twice"}},
      {"add of one", [](auto& l) { l[2].inputs = {1}; }, {"layer 'sum' (add)", "reads 1 inputs"}},
      {"two inputs",
       [](auto& l) {
         l[3].inputs = {1, 2};
       },
       {"layer 'relu' (relu)", "2 inputs"}},
      {"forward edge",
       [](auto& l) { l[1].inputs = {3}; },
       {"layer 'b' (conv2d)", "not come before"}},
      {"itself", [](auto& l) { l[1].inputs = {1}; }, {"layer 'b' (conv2d)", "not come before"}},
      {"nowhere", [](auto& l) { l[1].inputs = {-2}; }, {"layer 'b' (conv2d)", "not come before"}},
      {"unread",
       [](auto& l) { l[3].inputs = {0}; },
       {"layer 'sum' (add)", "no layer reads it", "name it in the inputs"}},
      {"twin", [](auto& l) { l[3].name = "a"; }, {"layer 'a' (relu)", "name is taken"}},
      {"nameless", [](auto& l) { l[3].name = ""; }, {"layer '' (relu)", "name"}},
      {"zero filters", [](auto& l) { l[0].op = conv(0, 3, 1); }, {"layer 'a'", "filters is 0"}},
      {"zero units", [](auto& l) { l[4].op = dense(0); }, {"layer 'out'", "units is 0"}},
      {"one unit", [](auto& l) { l[4].op = dense(1); }, {"layer 'out' (dense)", "single output"}},
      {"image at the end",
       [](auto& l) { l.pop_back(); },
       {"layer 'relu' (relu)", "not one number per class", "8 x 8 x 4", "dense layer"}},
      {"zero stride",
       [](auto& l) {
         std::get<Conv2d>(l[0].op).stride = {0, 1};
       },
       {"stride is 0"}},
      {"negative padding",
       [](auto& l) {
         std::get<Conv2d>(l[0].op).padding = {-1, 0};
       },
       {"padding is -1"}},
      {"subsample",
       [](auto& l) {
         l[3].op = Subsample{{}, {9, 2}, {2, 2}};
       },
       {"layer 'relu' (subsample)", "size 9 x 2 is larger"}},
      {"too wide", [](auto& l) { l[4].op = dense(1 << 23); }, {"layer 'out'", "weights"}},
      {"absurd",
       [](auto& l) { l[0].op = conv(1 << 24, 1 << 24, (1 << 24) - 1); },
       {"layer 'a'", "weights"}},
      {"negative factor",
       [](auto& l) { l[0].bias_learning_rate_factor = -1; },
       {"layer 'a' (conv2d)", "bias_learning_rate_factor is -1"}},
      {"empty", [](auto& l) { l.clear(); }, {"0 layers"}},
  };
  for (const Wrong& wrong : wrongs) {
    std::vector<Layer> layers = residual();
    wrong.spoil(layers);
    const Failure failure = failure_of([&] { make(layers); });
    EXPECT_EQ(failure.fault, Fault::bad_data) << wrong.what << ": " << failure.message;
    for (const std::string& said : wrong.said) {
      EXPECT_THAT(failure.message, HasSubstr(said)) << wrong.what;
    }
  }
}

TEST(Net, SigmoidIsNotAppliedTwice) {
  std::vector<Layer> layers = residual();
  layers.push_back(layer("last", Activation{{}, ActivationFunction::sigmoid}, {4}));
  EXPECT_THAT(failure_of([&] { make(layers, LossFunction::sigmoid_binary_cross_entropy); }).message,
              AllOf(HasSubstr("layer 'last' (sigmoid)"), HasSubstr("applies the sigmoid itself")));
  EXPECT_NO_THROW(make(layers));
}

TEST(Net, NormalizationHasOneValueAChannel) {
  const auto with_mean = [](std::vector<double> mean) {
    return Net("n", {8, 8, 3}, {1, std::move(mean), {}}, residual(),
               LossFunction::softmax_cross_entropy);
  };
  EXPECT_NO_THROW(with_mean({1, 2, 3}));
  EXPECT_THAT(failure_of([&] { with_mean({1, 2}); }).message, HasSubstr("3 channels"));
}

// Checks that hold for the layout of any net.
void check_layout(const Net& net) {
  Index end = 0, count = 0;
  std::size_t tensor = 0;
  for (const ParameterBlock& block : net.parameter_blocks()) {
    const Layer& owner = net.layers()[static_cast<std::size_t>(block.layer)];
    EXPECT_EQ(block.offset % kFloatsPerLine, 0);
    EXPECT_GE(block.offset, end);
    EXPECT_LT(block.offset - end, kFloatsPerLine);
    end = block.offset + block.shape.size();
    count += block.shape.size();
    ASSERT_LT(tensor, net.parameter_tensors().size());
    const ParameterTensor& weight = net.parameter_tensors()[tensor++];
    EXPECT_EQ(weight.name, owner.name + ".weight");
    EXPECT_EQ(weight.offset, block.offset);
    EXPECT_EQ(weight.size, block.shape.weights());
    Index product = 1;
    for (const Index side : weight.shape) product *= side;
    EXPECT_EQ(product, weight.size);
    if (!block.shape.bias) continue;
    ASSERT_LT(tensor, net.parameter_tensors().size());
    const ParameterTensor& bias = net.parameter_tensors()[tensor++];
    EXPECT_EQ(bias.name, owner.name + ".bias");
    EXPECT_EQ(bias.offset, weight.offset + weight.size);
    EXPECT_EQ(bias.offset + bias.size, end);
    EXPECT_EQ(bias.shape, std::vector<Index>{bias.size});
  }
  EXPECT_EQ(tensor, net.parameter_tensors().size());
  EXPECT_EQ(net.arena_size(), align_floats(end));
  EXPECT_EQ(net.parameter_count(), count);
}

class RandomLayers {
 public:
  explicit RandomLayers(unsigned seed) : random_(seed) {}

  Index pick(Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(random_);
  }

  Op op() {
    const Extent kernel{pick(0, 5), pick(1, 5)}, stride{pick(0, 3), pick(1, 3)};
    const Extent padding{pick(0, 2), pick(0, 2)};
    switch (pick(0, 6)) {
      case 0:
        return Conv2d{{}, pick(0, 6), kernel, stride, padding, pick(0, 1) == 1};
      case 1:
        return Subsample{{}, kernel, stride, pick(0, 1) == 1, pick(0, 1) == 1};
      case 2:
        return Pool2d{
            {}, pick(0, 1) == 1 ? Pooling::max : Pooling::average, kernel, stride, padding};
      case 3:
        return Dense{{}, pick(0, 20), pick(0, 1) == 1};
      case 4:
        return Add{};
      default:
        return Activation{{}, static_cast<ActivationFunction>(pick(0, 4))};
    }
  }

  // Most nets are chains; a few have another edge.
  std::vector<Layer> layers() {
    std::vector<Layer> made;
    const auto count = static_cast<int>(pick(1, 5));
    for (int i = 0; i < count; ++i) {
      Op op = this->op();
      std::vector<int> inputs{i - 1};
      if (std::holds_alternative<Add>(op)) inputs.push_back(static_cast<int>(pick(-1, i)));
      if (pick(0, 30) == 0) inputs[0] = static_cast<int>(pick(-2, i));
      made.push_back(layer("l" + std::to_string(i), std::move(op), std::move(inputs)));
    }
    if (pick(0, 4) > 0) made.push_back(layer("out", dense(pick(2, 12)), {count - 1}));
    return made;
  }

 private:
  std::mt19937 random_;
};

TEST(NetFuzz, RandomStacksAreConsistentOrRefused) {
  RandomLayers random(7);
  int built = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Shape input{random.pick(1, 12), random.pick(1, 12), random.pick(1, 4)};
    const std::vector<Layer> layers = random.layers();
    try {
      const Net net("fuzz", input, {}, layers, LossFunction::softmax_cross_entropy);
      ++built;
      for (const Layer& l : net.layers()) {
        const Shape in = input_shape(l.op), out = output_shape(l.op);
        for (const int from : l.inputs) {
          const Shape read = from == kNetInput
                                 ? input
                                 : output_shape(net.layers()[static_cast<std::size_t>(from)].op);
          EXPECT_EQ(read, in);
        }
        EXPECT_GE(std::min({out.height, out.width, out.channels}), 1);
      }
      EXPECT_GE(net.flops_per_sample(), 0);
      check_layout(net);
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::bad_data);
    }
  }
  EXPECT_GT(built, 500);
}

}  // namespace
}  // namespace convoy
