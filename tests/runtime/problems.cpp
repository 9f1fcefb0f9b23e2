// SPDX-License-Identifier: Apache-2.0
// The nets that the tests of the contract train.
#include <algorithm>
#include <stdexcept>

#include "net/fit_batch.hpp"
#include "net/fit_layer.hpp"
#include "tests/plan/random_net.hpp"
#include "tests/runtime/runs.hpp"

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
          Sgd{.momentum = 0.9, .weight_decay = 0.01}, 0.05F};
}

// A net in the style of the 1990s: trainable subsampling, sigmoids, factors of the learning rate.
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
          Sgd{.momentum = 0.5, .nesterov = true, .weight_decay = 0.001}, 0.02F};
}

// A second layer that reads the net's input: no input gradient, and so no barrier, follows its
// weight gradient; the next value is large and needs memory.
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
          Sgd{.momentum = 0.9, .nesterov = true}, 0.05F};
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
          Sgd{.momentum = 0.9}, 0.05F};
}

// Convolutions of few channels, with ReLU and pool, whose sides a pool does not cover.
Problem thin() {
  return {"thin",
          Net("thin", {13, 15, 1}, {},
              chain({Conv2d{{}, 6, {5, 5}, {1, 1}, {2, 2}, true}, Activation{{}, kRelu}, Pool2d{},
                     Conv2d{{}, 10, {3, 3}, {1, 1}, {0, 0}, true}, Activation{{}, kRelu}, Pool2d{},
                     Dense{{}, 5, true}}),
              LossFunction::softmax_cross_entropy),
          {},
          0.05F};
}

// Inputs so small that gradients and momentum buffers are denormal numbers.
Problem tiny_numbers() {
  return {"tiny_numbers",
          Net("tiny numbers", {4, 4, 1}, {1e-42, {}, {}},
              chain({Conv2d{{}, 2, {3, 3}, {1, 1}, {1, 1}, false}, Activation{{}, kRelu}, Pool2d{},
                     Dense{{}, 3, true}}),
              LossFunction::softmax_cross_entropy),
          Sgd{.momentum = 0.9}, 0.1F};
}

// The other optimizers: each has slots and numbers of its own.
Problem adam() {
  Problem problem = strided();
  problem.name = "adam";
  problem.optimizer = Adam{.weight_decay = 0.01};
  problem.rate = 0.004F;
  return problem;
}

// With groups: a layer and biases that never change, and a layer with a rate and a decay of its
// own.
Problem adamw() {
  Problem problem = branches();
  problem.name = "adamw";
  problem.optimizer = Adam{.beta1 = 0.8,
                           .beta2 = 0.99,
                           .epsilon = 1e-6,
                           .weight_decay = 0.05,
                           .decoupled_weight_decay = true};
  problem.rate = 0.004F;
  problem.groups = {{.match = "conv0*", .frozen = true},
                    {.match = "*.bias", .frozen = true},
                    {.match = "conv1*", .learning_rate_factor = 0.3, .weight_decay = 0}};
  return problem;
}

Problem rmsprop() {
  Problem problem = classic();
  problem.name = "rmsprop";
  problem.optimizer = RmsProp{.momentum = 0.9, .centered = true, .weight_decay = 0.001};
  problem.rate = 0.002F;
  return problem;
}

// More classes than a byte counts.
Problem many_classes() {
  return {"many_classes",
          Net("many classes", {4, 5, 1}, {},
              chain({Conv2d{{}, 3, {2, 2}, {1, 1}, {0, 0}, true}, Activation{{}, kRelu},
                     Dense{{}, 300, true}}),
              LossFunction::softmax_cross_entropy),
          Sgd{.momentum = 0.9}, 0.05F};
}

// Batch normalisations of the net's input, after convolutions, of both paths of a residual block
// (they share a phase) and after a sum, which is not folded for an evaluation.
Problem normalized() {
  const auto conv = [](Index filters, Index side) {
    return Conv2d{{}, filters, {side, side}, {1, 1}, {side / 2, side / 2}, false};
  };
  std::vector<Layer> layers{make_layer("norm0", BatchNorm2d{}, {kNetInput}),
                            make_layer("conv1", conv(6, 3), {0}),
                            make_layer("norm2", BatchNorm2d{{}, 0.3}, {1}),
                            make_layer("relu3", Activation{{}, kRelu}, {2}),
                            make_layer("pool4", Pool2d{}, {3}),
                            make_layer("conv5", conv(5, 3), {4}),
                            make_layer("norm6", BatchNorm2d{{}, 0.1, 1e-3, false}, {5}),
                            make_layer("conv7", conv(5, 1), {4}),
                            make_layer("norm8", BatchNorm2d{}, {7}),
                            make_layer("add9", Add{}, {6, 8}),
                            make_layer("relu10", Activation{{}, kRelu}, {9}),
                            make_layer("norm11", BatchNorm2d{}, {10}),
                            make_layer("dense12", Dense{{}, 4, true}, {11})};
  return {"normalized",
          Net("normalized", {9, 10, 2}, {}, std::move(layers), LossFunction::softmax_cross_entropy),
          Sgd{.momentum = 0.9, .weight_decay = 0.001}, 0.05F};
}

// Random numbers that depend on the sample, the epoch and the layer.
Problem dropout() {
  return {"dropout",
          Net("dropout", {7, 9, 2}, {},
              chain({Conv2d{{}, 5, {3, 3}, {1, 1}, {0, 0}, true}, Dropout{{}, 0.3},
                     Activation{{}, kRelu}, Dropout{{}, 0}, Dense{{}, 19, true},
                     Activation{{}, kTanh}, Dropout{}, Dense{{}, 4, true}}),
              LossFunction::softmax_cross_entropy),
          Sgd{.momentum = 0.9}, 0.05F};
}

// Groups of 8 and of 16 samples, with an optimizer that has slots.
Problem grouped() {
  return {
      "grouped",
      Net("grouped", {6, 7, 2}, {},
          chain({Conv2d{{}, 4, {3, 3}, {1, 1}, {0, 0}, false}, BatchNorm2d{{}, 0.1, 1e-5, true, 8},
                 Activation{{}, kRelu}, Conv2d{{}, 18, {2, 2}, {1, 1}, {0, 0}, true},
                 BatchNorm2d{{}, 0.2, 1e-5, true, 16}, Activation{{}, kTanh}, Dense{{}, 3, true}}),
          LossFunction::softmax_cross_entropy),
      Adam{.weight_decay = 0.01, .decoupled_weight_decay = true}, 0.01F};
}

// Gradients whose norm is larger than the limit in some steps and smaller in others, with a tensor
// that is frozen and takes no part in the norm.
Problem clipped() {
  Problem problem = branches();
  problem.name = "clipped";
  problem.optimizer = Adam{.weight_decay = 0.01, .decoupled_weight_decay = true};
  problem.rate = 0.004F;
  problem.groups = {{.match = "conv1.weight", .frozen = true}};
  problem.clip_norm = 1;
  return problem;
}

Problem lars() {
  Problem problem = strided();
  problem.name = "lars";
  problem.optimizer = Lars{};
  problem.rate = 2;
  problem.groups = {{.match = "*.bias", .weight_decay = 0}};
  return problem;
}

// Matrices with more rows and with more columns, biases, a matrix that never changes, and clipping.
Problem muon() {
  Problem problem = readers();
  problem.name = "muon";
  problem.optimizer = Muon{};
  problem.rate = 0.02F;
  problem.groups = {{.match = "conv3*", .frozen = true}};
  problem.clip_norm = 0.5;
  return problem;
}

// Muon where the weights of a layer have rows and columns, but are no matrix: each column has
// inputs of its own.
Problem muon_subsample() {
  Problem problem{"muon_subsample",
                  Net("muon_subsample", {9, 8, 2}, {},
                      chain({Conv2d{{}, 5, {2, 1}, {1, 1}, {0, 0}, true},
                             Subsample{{}, {2, 2}, {2, 2}, false, true}, Activation{{}, kTanh},
                             Subsample{{}, {2, 2}, {2, 2}, true, true}, Dense{{}, 3, true}}),
                      LossFunction::softmax_cross_entropy),
                  Muon{}, 0.02F};
  return problem;
}

// Averages of the weights. Training does not depend on the first, whose frozen tensors stay; the
// second sets the weights.
Problem ema() {
  Problem problem = adamw();
  problem.name = "ema";
  problem.average = Ema{.decay = 0.9, .warmup = true};
  return problem;
}

Problem lookahead() {
  Problem problem = strided();
  problem.name = "lookahead";
  problem.average = Lookahead{.steps = 3, .factor = 0.6};
  return problem;
}

// Lookahead with an optimizer that updates whole matrices.
Problem muon_lookahead() {
  Problem problem = muon();
  problem.name = "muon_lookahead";
  problem.average = Lookahead{.steps = 2, .factor = 0.7};
  return problem;
}

// All at once: batch normalisations of the whole batch and of groups, folded into a convolution
// and not, with and without scale; AdamW with clipping, its average, and tensors that are frozen:
// the weights of a convolution before a batch normalisation, and the parameters of one. Dropout.
Problem everything() {
  std::vector<Layer> layers{make_layer("norm0", BatchNorm2d{{}, 0.2}, {kNetInput}),
                            make_layer("conv1", Conv2d{{}, 6, {3, 3}, {1, 1}, {1, 1}, false}, {0}),
                            make_layer("norm2", BatchNorm2d{{}, 0.1, 1e-5, true, 8}, {1}),
                            make_layer("relu3", Activation{{}, kRelu}, {2}),
                            make_layer("pool4", Pool2d{}, {3}),
                            make_layer("conv5", Conv2d{{}, 6, {3, 3}, {1, 1}, {1, 1}, true}, {4}),
                            make_layer("norm6", BatchNorm2d{{}, 0.3, 1e-4, false}, {5}),
                            make_layer("add7", Add{}, {6, 4}),
                            make_layer("norm8", BatchNorm2d{{}, 0.1, 1e-5, true, 16}, {7}),
                            make_layer("tanh9", Activation{{}, kTanh}, {8}),
                            make_layer("dropout10", Dropout{{}, 0.2}, {9}),
                            make_layer("dense11", Dense{{}, 4, true}, {10})};
  Problem problem{
      "everything",
      Net("everything", {8, 7, 2}, {}, std::move(layers), LossFunction::softmax_cross_entropy),
      Adam{.weight_decay = 0.01, .decoupled_weight_decay = true}, 0.01F};
  problem.groups = {{.match = "conv5.weight", .frozen = true},
                    {.match = "norm8.*", .frozen = true},
                    {.match = "*.bias", .weight_decay = 0}};
  problem.clip_norm = 2;
  problem.average = Ema{.decay = 0.8};
  return problem;
}

// What residual nets and their relatives have: activations with a slope and with x in their
// gradient, an average over the whole image, filters that begin as the identity, smoothed labels.
Problem modern() {
  auto layers = chain({Conv2d{{}, 7, {3, 3}, {1, 1}, {1, 1}, true},
                       Activation{{}, ActivationFunction::leaky_relu, 0.1},
                       Conv2d{{}, 9, {3, 2}, {2, 1}, {1, 0}, false}, BatchNorm2d{},
                       Activation{{}, ActivationFunction::silu}, Conv2d{{}, 20, {2, 2}},
                       Activation{{}, ActivationFunction::silu},
                       Pool2d{{}, Pooling::average, {1, 1}, {1, 1}, {0, 0}, true}, Flatten{},
                       Dense{{}, 18, true}, Activation{{}, ActivationFunction::leaky_relu, 0},
                       Flatten{}, Dense{{}, 5, true}});
  for (Layer& layer : layers) {
    layer.weight_initializer.kind = InitializerKind::kaiming_uniform;
    layer.bias_initializer.kind = InitializerKind::kaiming_uniform;
  }
  layers[2].weight_initializer.kind = InitializerKind::dirac;
  layers[9].weight_initializer.kind = InitializerKind::dirac;
  return {"modern",
          Net("modern", {9, 8, 3}, {}, std::move(layers),
              Loss{1, LossFunction::softmax_cross_entropy, 0.1}),
          Sgd{.momentum = 0.9, .nesterov = true}, 0.05F};
}

// Squared errors, and a flattened image that a dense layer reads.
Problem squares() {
  return {"squares",
          Net("squares", {6, 7, 2}, {},
              chain({Conv2d{{}, 5, {3, 3}}, Activation{{}, ActivationFunction::silu}, Flatten{},
                     Dense{{}, 17, true}, Activation{{}, ActivationFunction::leaky_relu, 0.3},
                     Dense{{}, 4, true}}),
              Loss{1, LossFunction::mean_squared_error}),
          Adam{}, 0.01F};
}

// Pixels that are floats.
Problem float_pixels() {
  Problem problem = strided();
  problem.name = "float_pixels";
  problem.pixels = Pixels::floats;
  return problem;
}

}  // namespace

Sizes fitting(const Problem& problem, Sizes sizes) {
  for (;; --sizes.grain) {
    try {
      check_groups_fit(problem.net, sizes.grain);
      return sizes;
    } catch (const LayerError&) {
      continue;
    }
  }
}

NetOptimizer Problem::net_optimizer() const {
  const TrainSettings settings{.optimizer = optimizer,
                               .optimizer_groups = groups,
                               .clip_norm = clip_norm,
                               .average = average,
                               .evaluate = evaluate};
  const std::vector<int> taken = groups_of_tensors(net, settings);
  for (int g = 0; g < static_cast<int>(groups.size()); ++g) {
    if (std::ranges::count(taken, g) == 0) throw std::logic_error("a group has no tensor");
  }
  return optimizer_of(net, settings);
}

const std::vector<Problem>& problems() {
  static const std::vector<Problem> all{
      strided(),        classic(),      readers(),        branches(),     dense(),
      large(),          thin(),         tiny_numbers(),   adam(),         adamw(),
      rmsprop(),        many_classes(), normalized(),     grouped(),      dropout(),
      clipped(),        lars(),         muon(),           ema(),          lookahead(),
      muon_lookahead(), everything(),   muon_subsample(), float_pixels(), modern(),
      squares()};
  return all;
}

std::vector<std::string> problem_names() {
  std::vector<std::string> names;
  for (const Problem& one : problems()) names.push_back(one.name);
  return names;
}

const Problem& problem(std::string_view name) {
  for (const Problem& one : problems()) {
    if (one.name == name) return one;
  }
  throw std::logic_error("no such problem");
}

}  // namespace convoy::test
