// SPDX-License-Identifier: Apache-2.0
// Follows a plan stage by stage on a workspace in which every element records which value lies
// there. A stage must find the values that it should read, so no two values that live at the same
// time may overlap.
#include "plan/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "tests/ops/rounds.hpp"
#include "tests/plan/random_net.hpp"

namespace convoy::test {
namespace {

constexpr int kLoss = 1 << 20;  // as a reader

// A value (the output of a layer, or the net's input), or the gradient with respect to one: the sum
// of the gradients of these readers, in this order.
struct Content {
  int value = 0;
  std::vector<int> readers;  // empty: the value itself
};

class Simulation {
 public:
  Simulation(const Net& net, Fusion fusion)
      : net_(net),
        plan_(net, fusion),
        memory_(static_cast<std::size_t>(plan_.workspace_floats()), 0) {}

  void run() {
    int layers = 0;
    for (const Stage& stage : plan_.forward()) {
      EXPECT_EQ(stage.layer, layers);
      layers = last(stage) + 1;
    }
    ASSERT_EQ(count(), layers);
    write(plan_.input(), {kNetInput, {}});
    for (const Stage& stage : plan_.forward()) forward(stage);
    const Stage& loss = plan_.loss();
    read(loss.x, {count() - 1, {}});
    write(loss.dx, {count() - 1, {kLoss}});
    barrier();
    for (const Stage& stage : plan_.backward()) backward(stage);
    for (const Stage& stage : plan_.forward()) {
      const int i = stage.layer;
      const bool trains = parameter_shape(layer(i).op).size() > 0;
      EXPECT_EQ(weight_gradients_[i], trains ? 1 : 0) << "layer " << i;
      std::size_t wanted = 0;
      for (const int input : layer(i).inputs) wanted += trains_at_or_below(input) ? 1 : 0;
      EXPECT_EQ(input_gradients_[i].size(), wanted) << "layer " << i;
    }
  }

 private:
  int count() const { return static_cast<int>(net_.layers().size()); }
  static int last(const Stage& stage) { return stage.layer + stage.fused; }
  const Layer& layer(int i) const { return net_.layers()[static_cast<std::size_t>(i)]; }
  Index size_of(int value) const {
    return (value == kNetInput ? net_.input() : output_shape(layer(value).op)).size();
  }
  bool trains_at_or_below(int value) const {
    if (value == kNetInput) return false;
    if (parameter_shape(layer(value).op).size() > 0) return true;
    const std::vector<int>& inputs = layer(value).inputs;
    return std::any_of(inputs.begin(), inputs.end(), [&](int i) { return trains_at_or_below(i); });
  }
  // All readers of a value, the last one first: the order in which their gradients are added.
  Content complete_gradient(int value) const {
    Content content{value, {}};
    if (value == count() - 1) content.readers.push_back(kLoss);
    for (int i = count() - 1; i > value; --i) {
      if (std::ranges::count(layer(i).inputs, value)) content.readers.push_back(i);
    }
    return content;
  }

  void write(Offset offset, const Content& content) {
    const Index size = size_of(content.value);
    ASSERT_GE(offset, 0);
    ASSERT_EQ(offset % kFloatsPerLine, 0);
    ASSERT_LE(offset + size, plan_.workspace_floats());
    for (const Range& read : missing_) {
      ASSERT_TRUE(offset + size <= read.begin || read.end <= offset)
          << "a slow member may still read what is written over";
    }
    contents_.push_back(content);
    std::fill_n(memory_.begin() + offset, size, static_cast<int>(contents_.size()) - 1);
  }

  void read(Offset offset, const Content& content) {
    const Index size = size_of(content.value);
    ASSERT_GE(offset, 0);
    ASSERT_LE(offset + size, plan_.workspace_floats());
    for (Index i = offset; i < offset + size; ++i) {
      const auto owner = static_cast<std::size_t>(memory_[static_cast<std::size_t>(i)]);
      ASSERT_EQ(contents_[owner].value, content.value);
      ASSERT_EQ(contents_[owner].readers, content.readers);
    }
    read_.push_back({offset, offset + size});
  }

  // All workers of the group have done the stage.
  void barrier() {
    read_.clear();
    missing_.clear();
  }

  void expect_apart(Offset a, int value_a, Offset b, int value_b) {
    EXPECT_TRUE(a + size_of(value_a) <= b || b + size_of(value_b) <= a);
  }

  void forward(const Stage& stage) {
    SCOPED_TRACE("forward of layer " + std::to_string(stage.layer));
    const std::vector<int>& inputs = layer(stage.layer).inputs;
    read(stage.x, {inputs[0], {}});
    EXPECT_EQ(stage.other != kNowhere, inputs.size() == 2);
    if (stage.other != kNowhere) read(stage.other, {inputs[1], {}});
    if (!works_in_place(layer(stage.layer).op) || stage.y != stage.x) {
      expect_apart(stage.x, inputs[0], stage.y, last(stage));
      if (stage.other != kNowhere) expect_apart(stage.other, inputs[1], stage.y, last(stage));
    }
    write(stage.y, {last(stage), {}});
    barrier();
  }

  void backward(const Stage& stage) {
    SCOPED_TRACE("backward of layer " + std::to_string(stage.layer));
    if (stage.kind == StageKind::weight_gradient) {
      read(stage.x, {layer(stage.layer).inputs[0], {}});
      read(stage.dy, complete_gradient(last(stage)));
      if (stage.fused > 0) read(stage.y, {last(stage), {}});
      ++weight_gradients_[stage.layer];
      missing_.insert(missing_.end(), read_.begin(), read_.end());
      read_.clear();
      return;  // and continues without a barrier
    }
    if (stage.kind == StageKind::input_gradient) {
      input_gradient(stage);
    } else {
      ASSERT_EQ(stage.kind, StageKind::add_readers_gradients);
      add_readers_gradients(stage);
    }
    barrier();
  }

  void input_gradient(const Stage& stage) {
    const Layer& l = layer(stage.layer);
    read(stage.dy, complete_gradient(last(stage)));
    // Only these stages read their own outputs.
    if (std::holds_alternative<Activation>(l.op) || stage.fused > 0) {
      read(stage.y, {last(stage), {}});
    }
    std::vector<int> wanted;
    for (const int input : l.inputs) {
      if (trains_at_or_below(input)) wanted.push_back(input);
    }
    std::vector<Offset>& done = input_gradients_[stage.layer];
    ASSERT_LT(done.size(), wanted.size());
    const int input = wanted[done.size()];
    if (!works_in_place(l.op) || stage.dx != stage.dy) {
      expect_apart(stage.dy, last(stage), stage.dx, input);
    }
    write(stage.dx, {input, {stage.layer}});
    done.push_back(stage.dx);
  }

  void add_readers_gradients(const Stage& stage) {
    const int value = stage.layer;
    EXPECT_EQ(stage.size, size_of(value));
    const Content wanted = complete_gradient(value);
    std::size_t& summed = summed_.try_emplace(value, 1).first->second;
    ASSERT_LT(summed, wanted.readers.size());
    const auto so_far = wanted.readers.begin() + static_cast<std::ptrdiff_t>(summed);
    read(stage.dx, {value, {wanted.readers.begin(), so_far}});
    read(stage.other, {value, {*so_far}});
    expect_apart(stage.dx, value, stage.other, value);
    write(stage.dx, {value, {wanted.readers.begin(), so_far + 1}});
    ++summed;
  }

  const Net& net_;
  const Plan plan_;
  std::vector<int> memory_;  // index into contents_ of each element
  std::vector<Content> contents_{{-2, {}}};
  std::vector<Range> read_;              // by the stage
  std::vector<Range> missing_;           // by earlier stages that some workers may still run
  std::map<int, int> weight_gradients_;  // of a layer
  std::map<int, std::vector<Offset>> input_gradients_;
  std::map<int, std::size_t> summed_;  // how many readers' gradients of a value
};

TEST(Plan, EveryStageFindsWhatItReadsAndGradientsAreAddedInOrder) {
  Random random(1);
  for (int round = 0; round < rounds(3000); ++round) {
    const Net net = RandomNet(random, static_cast<int>(random.pick(0, 14))).net();
    SCOPED_TRACE("round " + std::to_string(round));
    for (const Fusion fusion : {Fusion::none, Fusion::conv_blocks}) {
      Simulation(net, fusion).run();
      if (testing::Test::HasFailure()) return;
    }
  }
}

// The last layer of each stage but the last.
std::vector<int> last_layers(const Plan& plan) {
  std::vector<int> last;
  for (const Stage& stage : plan.forward()) last.push_back(stage.layer + stage.fused);
  last.pop_back();
  return last;
}

TEST(Plan, ConvolutionReluAndPoolAreFusedWhereNoOtherLayerReadsTheValuesBetween) {
  const Activation relu{{}, ActivationFunction::relu};
  const Conv2d conv{{}, 2, {3, 3}, {1, 1}, {1, 1}, true};
  const Pool2d average{{}, Pooling::average}, overlapping{{}, Pooling::max, {3, 3}};
  const auto plan = [](std::vector<Layer> layers) {
    const int last = static_cast<int>(layers.size()) - 1;
    layers.push_back(make_layer("scores", Dense{{}, 2, true}, {last}));
    static std::vector<std::unique_ptr<Net>> nets;
    nets.push_back(std::make_unique<Net>("net", Shape{8, 8, 1}, Normalization{}, std::move(layers),
                                         LossFunction::softmax_cross_entropy));
    EXPECT_EQ(Plan(*nets.back()).forward().size(), nets.back()->layers().size());
    return Plan(*nets.back(), Fusion::conv_blocks);
  };
  const auto start = [&] {
    return std::vector<Layer>{make_layer("conv", conv, {kNetInput}), make_layer("relu", relu, {0})};
  };
  const auto with = [&](std::vector<Layer> more) {
    std::vector<Layer> layers = start();
    layers.insert(layers.end(), more.begin(), more.end());
    return plan(std::move(layers));
  };
  using Last = std::vector<int>;
  EXPECT_EQ(last_layers(with({})), (Last{1}));
  EXPECT_EQ(last_layers(with({make_layer("pool", Pool2d{}, {1})})), (Last{2}));
  EXPECT_EQ(last_layers(with({make_layer("pool", average, {1})})), (Last{1, 2}));
  EXPECT_EQ(last_layers(with({make_layer("pool", overlapping, {1})})), (Last{1, 2}));
  EXPECT_EQ(last_layers(with({make_layer("pool", Pool2d{}, {1}), make_layer("conv 2", conv, {2})})),
            (Last{2, 3}));
  // Another reader of the ReLU's output, and of the convolution's.
  EXPECT_EQ(last_layers(with({make_layer("conv 2", conv, {1}), make_layer("add", Add{}, {2, 1})})),
            (Last{1, 2, 3}));
  EXPECT_EQ(last_layers(with({make_layer("add", Add{}, {1, 0})})), (Last{0, 1, 2}));
  EXPECT_EQ(last_layers(plan({make_layer("conv", conv, {kNetInput}),
                              make_layer("tanh", Activation{{}, ActivationFunction::tanh}, {0})})),
            (Last{0, 1}));
}

// Ranges that must not overlap, in an arena of `size`.
void expect_apart_within(std::vector<Range> ranges, Index size) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    EXPECT_GE(ranges[i].begin, 0);
    EXPECT_LE(ranges[i].end, i + 1 < ranges.size() ? ranges[i + 1].begin : size);
  }
}

TEST(Plan, ArgmaxesPackedWeightsAndBlocksHavePlacesOfTheirOwn) {
  Random random(2);
  for (int round = 0; round < rounds(1000); ++round) {
    const Net net = RandomNet(random, static_cast<int>(random.pick(0, 14))).net();
    const Plan plan(net);
    std::vector<Range> argmaxes, packed;
    Index scratch = 0;
    for (int i = 0; i < static_cast<int>(net.layers().size()); ++i) {
      const Op& op = net.layers()[static_cast<std::size_t>(i)].op;
      scratch = std::max(scratch, scratch_size(op));
      const Index argmax = plan.argmax(i);
      EXPECT_EQ(argmax != kNowhere, keeps_argmax(op));
      if (keeps_argmax(op)) argmaxes.push_back({argmax, argmax + output_shape(op).size()});
      const Index offset = plan.packed(i);
      EXPECT_EQ(offset != kNowhere, packed_size(op) > 0 && net.needs_input_gradient(i));
      if (offset != kNowhere) {
        EXPECT_EQ(offset % kFloatsPerLine, 0);
        packed.push_back({offset, offset + packed_size(op)});
      }
      ASSERT_EQ(plan.block(i) != nullptr, parameter_shape(op).size() > 0);
      EXPECT_TRUE(plan.block(i) == nullptr || plan.block(i)->layer == i);
    }
    expect_apart_within(argmaxes, plan.workspace_argmaxes());
    expect_apart_within(packed, plan.packed_size());
    EXPECT_GE(plan.scratch_floats(), scratch);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(Plan, AnActivationOverwritesItsInputWhereNoOtherLayerReadsThat) {
  const Activation relu{{}, ActivationFunction::relu};
  const Conv2d conv{{}, 2, {1, 1}, {1, 1}, {0, 0}, true};
  const Net net("net", {3, 3, 2}, {},
                {
                    make_layer("from input", relu, {kNetInput}),
                    make_layer("conv", conv, {0}),
                    make_layer("alone", relu, {1}),
                    make_layer("of an activation", relu, {2}),
                    make_layer("conv 2", conv, {3}),
                    make_layer("one of two", relu, {4}),
                    make_layer("sum", Add{}, {4, 5}),
                    make_layer("dense", Dense{{}, 2, true}, {6}),
                },
                LossFunction::softmax_cross_entropy);
  const Plan plan(net);
  std::vector<bool> in_place;
  for (const Stage& stage : plan.forward()) in_place.push_back(stage.x == stage.y);
  EXPECT_EQ(in_place, (std::vector<bool>{false, false, true, false, false, false, false, false}));
  for (const Stage& stage : plan.backward()) {
    if (stage.kind != StageKind::input_gradient) continue;
    EXPECT_GT(stage.layer, 1) << "the gradient of the net's input is nobody's business";
    if (works_in_place(net.layers()[static_cast<std::size_t>(stage.layer)].op)) {
      EXPECT_EQ(stage.dx, stage.dy);
    }
  }
}

// The ranges must cover the units of each stage, for any number of samples.
TEST(Plan, StagesHaveUnitsForAllOfTheirOutput) {
  Random random(3);
  for (int round = 0; round < rounds(300); ++round) {
    const Net net = RandomNet(random, 8).net();
    const Plan plan(net);
    const Index samples = random.pick(1, 9);
    for (const Stage& stage : plan.backward()) {
      const Op& op = net.layers()[static_cast<std::size_t>(stage.layer)].op;
      const Index units = stage_units(plan, stage, samples);
      if (stage.kind == StageKind::add_readers_gradients) {
        EXPECT_GE(units * kColumnBlock, samples * stage.size);
        EXPECT_LT((units - 1) * kColumnBlock, samples * stage.size);
      } else if (stage.kind == StageKind::weight_gradient) {
        EXPECT_EQ(units, parameter_shape(op).rows());
      } else {
        EXPECT_EQ(units, input_gradient_units(op, samples));
      }
    }
    EXPECT_EQ(stage_units(plan, plan.loss(), samples), samples);
  }
}

}  // namespace
}  // namespace convoy::test
