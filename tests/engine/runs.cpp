// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/runs.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "convoy/base/digest.hpp"
#include "convoy/data/order.hpp"
#include "convoy/data/synthetic.hpp"
#include "convoy/train/checkpoint.hpp"
#include "tests/comm/thread_communicator.hpp"
#include "tests/plan/random_net.hpp"

namespace convoy::test {
namespace {

constexpr auto kRelu = ActivationFunction::relu;
constexpr auto kSigmoid = ActivationFunction::sigmoid;
constexpr auto kTanh = ActivationFunction::tanh;

// A chain of operations, each reading the one before.
std::vector<Layer> chain(std::vector<Op> ops) {
  std::vector<Layer> layers;
  for (Op& op : ops) {
    const int before = static_cast<int>(layers.size()) - 1;
    layers.push_back(make_layer("l" + std::to_string(before + 1), std::move(op), {before}));
  }
  return layers;
}

// Strides that differ, padding, a pool with padding whose windows overlap, a layer without bias.
Problem strided() {
  auto layers = chain({Conv2d{{}, 5, {3, 2}, {2, 1}, {1, 1}, true}, Activation{{}, kRelu},
                       Pool2d{{}, Pooling::max, {3, 2}, {2, 1}, {1, 1}}, Dense{{}, 7, false},
                       Activation{{}, kTanh}, Dense{{}, 4, true}});
  layers[0].weight_initializer.kind = InitializerKind::he_normal;
  const Normalization normalization{1.0 / 255, {0.3, 0.5, 0.2}, {0.3, 0.2, 0.5}};
  return {"strided",
          Net("strided", {7, 6, 3}, normalization, std::move(layers),
              LossFunction::softmax_cross_entropy),
          {0.9F, false, 0.01F},
          0.05F};
}

// As nets were in the 1990s: trainable subsampling, sigmoids, factors of the learning rate.
Problem classic() {
  auto layers = chain({Conv2d{{}, 4, {3, 3}, {1, 1}, {0, 0}, true}, Activation{{}, kSigmoid},
                       Subsample{{}, {2, 2}, {2, 2}, true, true}, Activation{{}, kSigmoid},
                       Subsample{{}, {2, 2}, {1, 1}, false, true}, Activation{{}, kTanh},
                       Pool2d{{}, Pooling::average, {2, 2}, {1, 1}, {1, 1}}, Dense{{}, 3, true}});
  for (Layer& layer : layers) layer.weight_initializer = {InitializerKind::uniform, 0.5};
  for (Layer& layer : layers) layer.bias_initializer = {InitializerKind::uniform, 0.5};
  layers[0].weight_learning_rate_factor = 1.0 / 49;
  layers[0].bias_learning_rate_factor = 1.0 / 7;
  layers[2].bias_learning_rate_factor = 0;
  return {
      "classic",
      Net("classic", {8, 8, 1}, {}, std::move(layers), LossFunction::sigmoid_binary_cross_entropy),
      {},
      0.5F};
}

// Values with several readers, among them the net's input.
Problem readers() {
  const Conv2d conv{{}, 3, {3, 3}, {1, 1}, {1, 1}, true};
  std::vector<Layer> layers{
      make_layer("conv0", conv, {kNetInput}),
      make_layer("relu1", Activation{{}, kRelu}, {0}),
      make_layer("conv2", conv, {1}),
      make_layer("conv3", conv, {kNetInput}),
      make_layer("add4", Add{}, {2, 1}),
      make_layer("add5", Add{}, {4, 3}),
      make_layer("relu6", Activation{{}, kRelu}, {5}),
      make_layer("tanh7", Activation{{}, kTanh}, {6}),
      make_layer("average8", Pool2d{{}, Pooling::average, {3, 3}, {2, 2}, {1, 1}}, {7}),
      make_layer("max9", Pool2d{{}, Pooling::max, {3, 3}, {2, 2}, {1, 1}}, {6}),
      make_layer("add10", Add{}, {9, 8}),
      make_layer("dense11", Dense{{}, 5, true}, {10})};
  return {"readers",
          Net("readers", {5, 6, 2}, {}, std::move(layers), LossFunction::softmax_cross_entropy),
          {0.5F, true, 0.001F},
          0.02F};
}

// A second layer that reads the net's input: no input gradient, and so no meeting, comes after its
// weight gradient; what comes next is large and needs a place.
Problem branches() {
  const Conv2d halving{{}, 3, {2, 2}, {2, 2}, {0, 0}, true};
  std::vector<Layer> layers{
      make_layer("conv0", Conv2d{{}, 3, {3, 3}, {1, 1}, {1, 1}, true}, {kNetInput}),
      make_layer("conv1", halving, {0}), make_layer("conv2", halving, {kNetInput}),
      make_layer("add3", Add{}, {1, 2}), make_layer("dense4", Dense{{}, 4, true}, {3})};
  return {"branches",
          Net("branches", {8, 8, 2}, {}, std::move(layers), LossFunction::softmax_cross_entropy),
          {},
          0.05F};
}

// Rows longer than a segment and columns that fill no vector; many parameters for one thread.
Problem dense() {
  return {"dense",
          Net("dense", {9, 9, 2}, {},
              chain({Dense{{}, 33, true}, Activation{{}, kRelu}, Dense{{}, 10, true}}),
              LossFunction::softmax_cross_entropy),
          {0.9F, true, 0},
          0.05F};
}

// Activations of which a thread takes one grain or two at a time, and a dense layer whose weight
// gradient waits for all of them.
Problem large() {
  return {"large",
          Net("large", {24, 24, 1}, {},
              chain({Conv2d{{}, 24, {3, 3}, {1, 1}, {1, 1}, true}, Activation{{}, kRelu},
                     Conv2d{{}, 8, {4, 4}, {4, 4}, {0, 0}, true}, Dense{{}, 40, true},
                     Activation{{}, kTanh}, Dense{{}, 3, true}}),
              LossFunction::softmax_cross_entropy),
          {0.9F, false, 0},
          0.05F};
}

// Inputs so small that gradients and velocities are denormal numbers.
Problem tiny_numbers() {
  return {"tiny_numbers",
          Net("tiny numbers", {4, 4, 1}, {1e-42, {}, {}},
              chain({Conv2d{{}, 2, {3, 3}, {1, 1}, {1, 1}, false}, Activation{{}, kRelu}, Pool2d{},
                     Dense{{}, 3, true}}),
              LossFunction::softmax_cross_entropy),
          {0.9F, false, 0},
          0.1F};
}

std::string hex(std::span<const std::byte> bytes) {
  return sha256(bytes).substr(0, 16);
}

}  // namespace

const std::vector<Problem>& problems() {
  static const std::vector<Problem> all{strided(), classic(), readers(),     branches(),
                                        dense(),   large(),   tiny_numbers()};
  return all;
}

const Problem& problem(std::string_view name) {
  for (const Problem& one : problems()) {
    if (one.name == name) return one;
  }
  throw std::logic_error("no such problem");
}

int RunLayout::ranks() const {
  return std::accumulate(nodes.begin(), nodes.end(), 0);
}

std::string describe(const RunLayout& layout) {
  const auto word = [](Cut cut) { return cut == Cut::data ? "data" : "tensor"; };
  return fmt::format("ranks of nodes [{}] by {} ({}), {} threads by {} on {}",
                     fmt::join(layout.nodes, " "), word(layout.ranks_by),
                     to_string(layout.reduction), layout.threads, word(layout.cut), layout.isa);
}

RunLayout random_layout(Random& random) {
  static const std::vector<std::string> isas = available_isas();
  static constexpr int threads[] = {1, 2, 3, 4, 8};
  RunLayout layout;
  layout.threads = threads[random.pick(0, 4)];
  layout.cut = random.chance(50) ? Cut::data : Cut::tensor;
  layout.isa = isas[static_cast<std::size_t>(random.pick(0, static_cast<Index>(isas.size()) - 1))];
  return layout;
}

RunLayout random_layout_of_ranks(Random& random) {
  RunLayout layout = random_layout(random);
  layout.threads = static_cast<int>(random.pick(1, 3));
  layout.ranks_by = random.chance(50) ? Cut::data : Cut::tensor;
  const auto ranks = static_cast<int>(random.pick(1, 5));
  layout.nodes.clear();
  if (random.chance(30)) {
    layout.nodes.assign(static_cast<std::size_t>(ranks), 1);
  } else if (layout.ranks_by == Cut::tensor || random.chance(50)) {
    layout.nodes.push_back(ranks);
  } else {
    for (int left = ranks; left > 0; left -= layout.nodes.back()) {
      layout.nodes.push_back(static_cast<int>(random.pick(1, left)));
    }
  }
  if (layout.ranks_by == Cut::data && random.chance(30)) layout.reduction = Reduction::root;
  return layout;
}

Machine::Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout) {
  make_engine(problem, sizes, layout);
}

Machine::Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout,
                 Communicator& rank)
    : communicator(rank) {
  make_engine(problem, sizes, layout);
}

void Machine::make_engine(const Problem& problem, const Sizes& sizes, const RunLayout& layout) {
  EngineOptions options;
  options.threads = layout.threads;
  options.threads_by = layout.cut;
  options.ranks_by = layout.ranks_by;
  options.reduction = layout.reduction;
  options.oversubscribe = true;
  options.isa = layout.isa;
  options.batch = sizes.batch;
  options.grain = sizes.grain;
  engine = make_cpu_engine(problem.net, problem.sgd, options, communicator);
}

Dataset data_for(const Problem& problem, Index samples) {
  return synthetic(SyntheticPart::train, samples, problem.net.input(), problem.net.loss().classes);
}

ModelState initial_state(const Problem& problem) {
  return {initial_parameters(problem.net, 5), {}};
}

StretchResult run_steps(Engine& engine, const Problem& problem, const Dataset& data, Index batch,
                        Range steps, const std::atomic<bool>* stop,
                        std::span<const std::uint32_t> order) {
  std::vector<std::uint32_t> all(static_cast<std::size_t>(data.size()));
  std::iota(all.begin(), all.end(), 0U);
  const std::vector<float> rates(static_cast<std::size_t>(steps.size()), problem.rate);
  Stretch stretch;
  stretch.data = &data;
  stretch.order = order.empty() ? std::span<const std::uint32_t>(all) : order;
  stretch.steps = steps;
  stretch.batch = batch;
  stretch.learning_rates = rates;
  stretch.stop = stop;
  return engine.run(stretch);
}

namespace {

// How far a training has come.
struct Progress {
  int epoch = 1;
  Index step = 0;
  Tally tally;  // of the epoch
  ModelState state;
  std::string losses;  // of the epochs done
  bool finite = true;
};

ModelState copy(const ModelState& state) {
  const auto copied = [](const Buffer<float>& from) {
    Buffer<float> to(from.size());
    std::copy_n(from.data(), from.size(), to.data());
    return to;
  };
  return {copied(state.parameters), copied(state.velocity)};
}

// One rank goes on with the training until it is done or stopped.
class Rank {
 public:
  Rank(const Problem& problem, const Sizes& sizes, const Run& run, const RunLayout& layout,
       Communicator& communicator, Random cuts)
      : problem_(problem),
        sizes_(sizes),
        run_(run),
        machine_(problem, sizes, layout, communicator),
        cuts_(cuts),
        data_(data_for(problem, sizes.samples)) {
    Index until_stop = cuts_.pick(1, 4);
    const bool stops = run.stops && communicator.rank() == cuts_.pick(0, communicator.size() - 1);
    machine_.communicator.before_gather = [this, stops, until_stop]() mutable {
      if (stops && --until_stop == 0) stop_ = true;
    };
  }

  void go_on(Progress& now) {
    machine_.engine->set_state(now.state);
    const Index steps = (sizes_.samples + sizes_.batch - 1) / sizes_.batch;
    while (now.epoch <= run_.epochs) {
      const auto order = epoch_order({}, sizes_.samples, 3, now.epoch);
      while (now.step < steps) {
        const StretchResult result = run_stretch(now, order, steps);
        if (result.outcome == Outcome::not_finite) return void(now.finite = false);
        if (result.outcome == Outcome::stopped) {
          EXPECT_GT(result.steps_done, 0);
          return void(now.state = machine_.engine->state());
        }
      }
      EXPECT_EQ(now.tally.samples, sizes_.samples);
      now.losses += fmt::format(" {:a} {}", now.tally.loss, now.tally.correct);
      now.tally = {};
      now.step = 0;
      ++now.epoch;
    }
    now.state = machine_.engine->state();
  }

 private:
  StretchResult run_stretch(Progress& now, const std::vector<std::uint32_t>& order, Index steps) {
    Stretch stretch;
    stretch.data = &data_;
    stretch.order = order;
    stretch.steps = {now.step, cuts_.pick(now.step + 1, steps)};
    stretch.batch = sizes_.batch;
    std::vector<float> rates;  // halved and doubled: exact in any rounding mode
    for (Index s = now.step; s < stretch.steps.end; ++s) {
      rates.push_back(s % 3 == 0   ? problem_.rate
                      : s % 3 == 1 ? problem_.rate / 2
                                   : problem_.rate * 2);
    }
    stretch.learning_rates = rates;
    stretch.stop = &stop_;
    stretch.before = now.tally;
    const StretchResult result = machine_.engine->run(stretch);
    now.tally = result.total;
    now.tally.flags = 0;
    now.step += result.steps_done;
    EXPECT_TRUE(result.outcome != Outcome::finished || now.step == stretch.steps.end);
    return result;
  }

  const Problem& problem_;
  const Sizes sizes_;
  const Run run_;
  Machine machine_;
  Random cuts_;
  const Dataset data_;
  std::atomic<bool> stop_{false};
};

std::string describe(const Problem& problem, const Progress& now, Index steps) {
  if (!now.finite) return "not finite";
  return fmt::format("weights {:.16} state {:.16} losses{}", weights_sha256(problem.net, now.state),
                     state_sha256(problem.net, now.state, steps), now.losses);
}

}  // namespace

std::string train(const Problem& problem, const Sizes& sizes, const Run& run, Random& cuts,
                  const std::function<RunLayout()>& next_layout) {
  const Index steps = run.epochs * ((sizes.samples + sizes.batch - 1) / sizes.batch);
  Progress now;
  now.state = initial_state(problem);
  while (now.epoch <= run.epochs && now.finite) {
    const RunLayout layout = next_layout();
    const Random seed(static_cast<std::uint64_t>(cuts.pick(1, 1 << 30)));
    std::vector<Progress> ends(static_cast<std::size_t>(layout.ranks()));
    const auto work = [&](Communicator& communicator) {
      Progress& mine = ends[static_cast<std::size_t>(communicator.rank())];
      mine = {now.epoch, now.step, now.tally, copy(now.state), now.losses, true};
      Rank(problem, sizes, run, layout, communicator, seed).go_on(mine);
    };
    if (layout.ranks() == 1) {
      work(*alone());
    } else {
      run_ranks(layout.nodes, work);
    }
    for (const Progress& end : ends) {
      EXPECT_EQ(describe(problem, end, steps), describe(problem, ends.front(), steps));
      EXPECT_EQ(end.step, ends.front().step) << "all leave at the same step";
    }
    now = std::move(ends.front());
  }
  return describe(problem, now, steps);
}

std::string train(const Problem& problem, const Sizes& sizes, const RunLayout& layout,
                  const Run& run, std::uint64_t cuts_seed) {
  Random cuts(cuts_seed);
  return train(problem, sizes, run, cuts, [&] { return layout; });
}

std::string train_on(Communicator& communicator, const Problem& problem, const Sizes& sizes,
                     const RunLayout& layout, const Run& run, std::uint64_t cuts_seed) {
  Progress now;
  now.state = initial_state(problem);
  Rank(problem, sizes, {run.epochs, false}, layout, communicator, Random(cuts_seed)).go_on(now);
  return describe(problem, now, run.epochs * ((sizes.samples + sizes.batch - 1) / sizes.batch));
}

std::string bits_of(const Evaluation& evaluation) {
  return fmt::format("loss {:a} correct {} samples {} predictions {} probabilities {}",
                     evaluation.tally.loss, evaluation.tally.correct, evaluation.tally.samples,
                     hex(std::as_bytes(std::span(evaluation.predictions))),
                     hex(std::as_bytes(std::span(evaluation.probabilities))));
}

}  // namespace convoy::test
