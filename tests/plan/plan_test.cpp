// SPDX-License-Identifier: Apache-2.0
// Follows a plan stage by stage on a workspace in which every element records which value lies
// there. A stage must find the values that it should read, so no two values that live at the same
// time may overlap.
#include "plan/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "plan/stage_names.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/plan/random_net.hpp"

namespace convoy::test {
namespace {

constexpr int kLoss = 1 << 20;  // as a reader

// A value (the output of a layer, or the net's input), or the gradient with respect to one: the sum
// of the gradients of these readers, in this order. Of one of the microbatches.
struct Content {
  int value = 0;
  std::vector<int> readers;  // empty: the value itself
  Index microbatch = 0;
};

// Takes two microbatches of a sample each through all phases.
class Simulation {
 public:
  static constexpr Index kMicrobatches = 2;

  Simulation(const Net& net, Fusion fusion)
      : net_(net),
        plan_(net, fusion),
        microbatch_(static_cast<std::size_t>(plan_.workspace_floats()), 0),
        kept_(static_cast<std::size_t>(plan_.kept_floats() * kMicrobatches), 0) {}

  void run() {
    std::vector<bool> computed(static_cast<std::size_t>(count()), false);
    for (const Stage& stage : plan_.forward()) {
      if (stage.kind != StageKind::forward) continue;
      for (int i = stage.layer; i <= last(stage); ++i) {
        EXPECT_FALSE(computed[static_cast<std::size_t>(i)]);
        computed[static_cast<std::size_t>(i)] = true;
      }
    }
    EXPECT_EQ(std::ranges::count(computed, true), count());
    for (const Phase& phase : plan_.phases()) {
      for (sample_ = 0; sample_ < kMicrobatches; ++sample_) {
        // A microbatch finds nothing of the one before it.
        std::ranges::fill(microbatch_, 0);
        if (phase.stages.begin == 0) write(plan_.input(), {kNetInput, {}});
        for (Index n = phase.stages.begin; n < phase.stages.end; ++n) {
          this->stage(plan_.stages()[static_cast<std::size_t>(n)]);
          if (testing::Test::HasFatalFailure()) return;
        }
        barrier();
      }
      for (Index r = phase.reductions.begin; r < phase.reductions.end; ++r) {
        const BatchReduction& reduction = plan_.reductions()[static_cast<std::size_t>(r)];
        reduced_.push_back({reduction.kind, reduction.layer});
      }
    }
    for (const Stage& stage : plan_.forward()) {
      if (stage.kind != StageKind::forward) continue;
      const int i = stage.layer;
      const bool trains = parameter_shape(layer(i).op).size() > 0;
      EXPECT_EQ(weight_gradients_[i], trains ? kMicrobatches : 0) << "layer " << i;
      std::size_t wanted = 0;
      for (const int input : layer(i).inputs) wanted += trains_at_or_below(input) ? 1 : 0;
      EXPECT_EQ((input_gradients_[{i, 0}]), wanted) << "layer " << i;
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

  // The elements of a location that belong to the microbatch, and the memory in which they are.
  Range elements_of(const Location& location) const {
    const Index begin =
        location.kept ? location.offset * kMicrobatches + sample_ * location.size : location.offset;
    return {begin, begin + location.size};
  }
  std::vector<int>& memory_of(const Location& location) {
    return location.kept ? kept_ : microbatch_;
  }

  void check_location(const Location& location, const Content& content) {
    ASSERT_TRUE(location.exists());
    ASSERT_EQ(location.size, size_of(content.value));
    ASSERT_EQ(location.offset % kFloatsPerLine, 0);
    ASSERT_LE(elements_of(location).end, std::ssize(memory_of(location)));
  }

  void write(const Location& location, Content content) {
    check_location(location, content);
    const Range elements = elements_of(location);
    for (const auto& [read, kept] : missing_) {
      ASSERT_TRUE(kept != location.kept || elements.end <= read.begin || read.end <= elements.begin)
          << "a slow member may still read what is written over";
    }
    content.microbatch = sample_;
    contents_.push_back(content);
    std::fill_n(memory_of(location).begin() + elements.begin, elements.size(),
                static_cast<int>(contents_.size()) - 1);
  }

  void read(const Location& location, const Content& content) {
    check_location(location, content);
    const Range elements = elements_of(location);
    for (Index i = elements.begin; i < elements.end; ++i) {
      const auto owner = static_cast<std::size_t>(memory_of(location)[static_cast<std::size_t>(i)]);
      ASSERT_EQ(contents_[owner].value, content.value);
      ASSERT_EQ(contents_[owner].readers, content.readers);
      ASSERT_EQ(contents_[owner].microbatch, sample_);
    }
    read_.emplace_back(elements, location.kept);
  }

  // All workers of the group have done the stage.
  void barrier() {
    read_.clear();
    missing_.clear();
  }

  void expect_apart(const Location& a, const Location& b) {
    const Range x = elements_of(a), y = elements_of(b);
    EXPECT_TRUE(a.kept != b.kept || x.end <= y.begin || y.end <= x.begin);
  }

  void stage(const Stage& stage) {
    SCOPED_TRACE(std::string(to_string(stage.kind)) + " of layer " + std::to_string(stage.layer));
    switch (stage.kind) {
      case StageKind::statistics:
        read(stage.x, {layer(stage.layer).inputs[0], {}});
        return end_without_barrier();
      case StageKind::gradient_statistics:
        gradient_statistics(stage);
        return end_without_barrier();
      case StageKind::weight_gradient:
        read(stage.x, {layer(stage.layer).inputs[0], {}});
        read(stage.dy, complete_gradient(last(stage)));
        if (stage.fused > 0) read(stage.y, {last(stage), {}});
        ++weight_gradients_[stage.layer];
        return end_without_barrier();
      case StageKind::forward:
        forward(stage);
        break;
      case StageKind::loss:
        read(stage.x, {count() - 1, {}});
        write(stage.dx, {count() - 1, {kLoss}});
        break;
      case StageKind::input_gradient:
        input_gradient(stage);
        break;
      case StageKind::add_readers_gradients:
        add_readers_gradients(stage);
        break;
    }
    barrier();
  }

  void end_without_barrier() {
    missing_.insert(missing_.end(), read_.begin(), read_.end());
    read_.clear();
  }

  bool is_normalized(const Stage& stage) const {
    return std::holds_alternative<BatchNorm2d>(layer(stage.layer).op);
  }
  // The statistics of an earlier phase are there.
  void expect_reduced(StageKind kind, const Stage& stage) const {
    EXPECT_EQ(std::ranges::count(reduced_, std::pair(kind, stage.layer)), 1);
  }

  void forward(const Stage& stage) {
    const std::vector<int>& inputs = layer(stage.layer).inputs;
    read(stage.x, {inputs[0], {}});
    EXPECT_EQ(stage.other.exists(), inputs.size() == 2);
    if (stage.other.exists()) read(stage.other, {inputs[1], {}});
    if (is_normalized(stage)) expect_reduced(StageKind::statistics, stage);
    if (!works_in_place(layer(stage.layer).op) || stage.y != stage.x) {
      expect_apart(stage.x, stage.y);
      if (stage.other.exists()) expect_apart(stage.other, stage.y);
    }
    write(stage.y, {last(stage), {}});
  }

  void gradient_statistics(const Stage& stage) {
    read(stage.x, {layer(stage.layer).inputs[0], {}});
    read(stage.dy, complete_gradient(last(stage)));
    if (stage.fused > 0) read(stage.y, {last(stage), {}});
    ++weight_gradients_[stage.layer];
  }

  void input_gradient(const Stage& stage) {
    const Layer& l = layer(stage.layer);
    read(stage.dy, complete_gradient(last(stage)));
    // Only these stages read their own outputs, or their inputs.
    const auto* activation = std::get_if<Activation>(&l.op);
    const bool is_silu = activation && activation->function == ActivationFunction::silu;
    if ((activation && !is_silu) || stage.fused > 0) read(stage.y, {last(stage), {}});
    if (is_normalized(stage) || is_silu) read(stage.x, {l.inputs[0], {}});
    if (is_normalized(stage)) {
      expect_reduced(StageKind::gradient_statistics, stage);
    }
    std::vector<int> wanted;
    for (const int input : l.inputs) {
      if (trains_at_or_below(input)) wanted.push_back(input);
    }
    std::size_t& done = input_gradients_[{stage.layer, sample_}];
    ASSERT_LT(done, wanted.size());
    const int input = wanted[done];
    if (!works_in_place(l.op) || stage.dx != stage.dy) expect_apart(stage.dy, stage.dx);
    write(stage.dx, {input, {stage.layer}});
    ++done;
  }

  void add_readers_gradients(const Stage& stage) {
    const int value = stage.layer;
    const Content wanted = complete_gradient(value);
    std::size_t& summed = summed_.try_emplace({value, sample_}, 1).first->second;
    ASSERT_LT(summed, wanted.readers.size());
    const auto so_far = wanted.readers.begin() + static_cast<std::ptrdiff_t>(summed);
    read(stage.dx, {value, {wanted.readers.begin(), so_far}});
    read(stage.other, {value, {*so_far}});
    expect_apart(stage.dx, stage.other);
    write(stage.dx, {value, {wanted.readers.begin(), so_far + 1}});
    ++summed;
  }

  const Net& net_;
  const Plan plan_;
  std::vector<int> microbatch_, kept_;  // index into contents_ of each element
  std::vector<Content> contents_{{-2, {}}};
  Index sample_ = 0;                             // the microbatch in progress
  std::vector<std::pair<Range, bool>> read_;     // by the stage; whether it is kept memory
  std::vector<std::pair<Range, bool>> missing_;  // by stages that some workers may still run
  std::map<int, Index> weight_gradients_;        // of a layer
  std::map<std::pair<int, Index>, std::size_t> input_gradients_;  // of a layer and microbatch
  std::map<std::pair<int, Index>, std::size_t> summed_;  // how many readers' gradients of a value
  std::vector<std::pair<StageKind, int>> reduced_;       // in earlier phases
};

TEST(Plan, EveryStageFindsWhatItReadsAndGradientsAreAddedInOrder) {
  Random random(1);
  for (int round = 0; round < rounds(3000); ++round) {
    const Net net = RandomNet(random, static_cast<int>(random.pick(0, 14))).net();
    SCOPED_TRACE("round " + std::to_string(round));
    for (const Fusion fusion : {Fusion::none, Fusion::layers}) {
      Simulation(net, fusion).run();
      if (testing::Test::HasFailure()) return;
    }
  }
}

// The last layer of each stage but the last.
std::vector<int> last_layers(const Plan& plan) {
  std::vector<int> last;
  for (const Stage& stage : plan.forward()) {
    if (stage.kind == StageKind::forward) last.push_back(stage.layer + stage.fused);
  }
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
    return Plan(*nets.back(), Fusion::layers);
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
        EXPECT_GE(units * kColumnBlock, samples * stage.dx.size);
        EXPECT_LT((units - 1) * kColumnBlock, samples * stage.dx.size);
      } else if (stage.kind == StageKind::weight_gradient) {
        EXPECT_EQ(units, parameter_shape(op).rows());
      } else if (stage.kind == StageKind::gradient_statistics) {
        EXPECT_EQ(units, (input_shape(op).channels + kColumnBlock - 1) / kColumnBlock);
      } else {
        EXPECT_EQ(units, input_gradient_units(op, samples));
      }
    }
    EXPECT_EQ(stage_units(plan, plan.loss(), samples), samples);
  }
}

// Of a residual block: both paths end in a batch normalisation.
std::vector<Layer> residual_block() {
  const Conv2d conv{{}, 2, {3, 3}, {1, 1}, {1, 1}, false};
  const Activation relu{{}, ActivationFunction::relu};
  return {make_layer("conv1", conv, {kNetInput}),  make_layer("norm1", BatchNorm2d{}, {0}),
          make_layer("relu1", relu, {1}),          make_layer("conv2", conv, {2}),
          make_layer("norm2", BatchNorm2d{}, {3}), make_layer("conv3", conv, {kNetInput}),
          make_layer("norm3", BatchNorm2d{}, {5}), make_layer("sum", Add{}, {4, 6}),
          make_layer("relu2", relu, {7}),          make_layer("dense", Dense{{}, 2, true}, {8})};
}

TEST(Plan, BatchNormalisationsThatDoNotDependOnEachOtherShareAPhase) {
  const Net net("net", {4, 4, 2}, {}, residual_block(), LossFunction::softmax_cross_entropy);
  const Plan plan(net, Fusion::layers);
  std::vector<std::vector<std::pair<StageKind, int>>> reductions;
  for (const Phase& phase : plan.phases()) {
    reductions.emplace_back();
    for (Index r = phase.reductions.begin; r < phase.reductions.end; ++r) {
      const BatchReduction& reduction = plan.reductions()[static_cast<std::size_t>(r)];
      reductions.back().emplace_back(reduction.kind, reduction.layer);
    }
  }
  constexpr auto kForward = StageKind::statistics, kBackward = StageKind::gradient_statistics;
  EXPECT_EQ(reductions,
            (std::vector<std::vector<std::pair<StageKind, int>>>{{{kForward, 1}, {kForward, 6}},
                                                                 {{kForward, 4}},
                                                                 {{kBackward, 6}, {kBackward, 4}},
                                                                 {{kBackward, 1}},
                                                                 {}}));
}

TEST(Plan, ANetWithoutBatchNormalisationHasOnePhaseAndKeepsNothing) {
  Random random(4);
  for (int round = 0; round < rounds(300); ++round) {
    const Net net = RandomNet(random, 8).net();
    const Plan plan(net);
    const bool is_plain = plan.reductions().empty();
    EXPECT_EQ(plan.phases().size() == 1, is_plain);
    EXPECT_EQ(plan.kept_floats() == 0, is_plain);
  }
}

TEST(Plan, AnInferencePlanHasNoBackwardPass) {
  const Net net("net", {4, 4, 2}, {}, residual_block(), LossFunction::softmax_cross_entropy);
  const Plan plan(net, Fusion::none, PlanUse::inference);
  EXPECT_TRUE(plan.backward().empty());
  EXPECT_TRUE(plan.reductions().empty());
  EXPECT_EQ(plan.phases().size(), 1U);
  EXPECT_FALSE(plan.loss().dx.exists());
  EXPECT_EQ(plan.packed_size(), 0);
}

}  // namespace
}  // namespace convoy::test
