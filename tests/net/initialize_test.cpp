// SPDX-License-Identifier: Apache-2.0
// Initial weights: their distributions, and that an element depends on nothing but its address.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "net/net.hpp"

namespace convoy {
namespace {

Layer dense(std::string name, Index units, Initializer weights, Initializer biases) {
  Layer made;
  made.name = std::move(name);
  made.op = Dense{{}, units, true};
  made.weight_initializer = weights;
  made.bias_initializer = biases;
  return made;
}

Net make(Index inputs, std::vector<Layer> layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i].inputs = {static_cast<int>(i) - 1};
  return Net("net", {1, 1, inputs}, {}, std::move(layers), LossFunction::softmax_cross_entropy);
}

struct Statistics {
  double mean = 0, deviation = 0, low = 0, high = 0;
};

Statistics statistics(const Buffer<float>& arena, const ParameterTensor& tensor) {
  Statistics s;
  s.low = s.high = arena[tensor.offset];
  for (Index e = 0; e < tensor.size; ++e) {
    const double w = arena[tensor.offset + e];
    s.mean += w / static_cast<double>(tensor.size);
    s.low = std::min(s.low, w);
    s.high = std::max(s.high, w);
  }
  for (Index e = 0; e < tensor.size; ++e) {
    const double off = arena[tensor.offset + e] - s.mean;
    s.deviation += off * off / static_cast<double>(tensor.size);
  }
  s.deviation = std::sqrt(s.deviation);
  return s;
}

constexpr Index kInputs = 840, kUnits = 250;  // 210,000 weights
constexpr double kCount = kInputs * kUnits;

Statistics of_weights(Initializer initializer, std::uint64_t seed = 1) {
  const Net net = make(kInputs, {dense("d", kUnits, initializer, {})});
  return statistics(initial_parameters(net, seed), net.parameter_tensors()[0]);
}

// Means and deviations within five standard errors.
void expect_uniform(const Statistics& s, double range) {
  EXPECT_NEAR(s.mean, 0, 5 * range / std::sqrt(3 * kCount));
  EXPECT_NEAR(s.deviation, range / std::sqrt(3.0), 5 * range / std::sqrt(kCount));
  EXPECT_GE(s.low, -static_cast<float>(range));
  EXPECT_LE(s.high, static_cast<float>(range));
  EXPECT_LT(s.low, -0.999 * range);
  EXPECT_GT(s.high, 0.999 * range);
}

TEST(Initialize, DistributionsAreThoseNamed) {
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{99}, std::uint64_t{1} << 40}) {
    expect_uniform(of_weights({InitializerKind::uniform, 0.5}, seed), 0.5);
    expect_uniform(of_weights({InitializerKind::xavier_uniform, 0}, seed),
                   std::sqrt(6.0 / (kInputs + kUnits)));
    expect_uniform(of_weights({InitializerKind::kaiming_uniform, 0}, seed),
                   1 / std::sqrt(static_cast<double>(kInputs)));
    const Statistics he = of_weights({InitializerKind::he_normal, 0}, seed);
    const double deviation = std::sqrt(2.0 / kInputs);
    EXPECT_NEAR(he.mean, 0, 5 * deviation / std::sqrt(kCount));
    EXPECT_NEAR(he.deviation, deviation, 5 * deviation / std::sqrt(2 * kCount));
    EXPECT_GT(he.high, 3.5 * deviation);  // of 210,000 normal numbers, some 49 are above
    EXPECT_LT(he.high, 7 * deviation);
  }
  const Statistics zeros = of_weights({InitializerKind::zeros, 0});
  EXPECT_EQ(zeros.low, 0);
  EXPECT_EQ(zeros.high, 0);
}

TEST(Initialize, NormalNumbersHaveTheShapeOfTheBell) {
  const Net net = make(kInputs, {dense("d", kUnits, {InitializerKind::he_normal, 0}, {})});
  const Buffer<float> arena = initial_parameters(net, 3);
  const double deviation = std::sqrt(2.0 / kInputs);
  for (const double z : {-2.0, -1.0, -0.25, 0.0, 0.5, 1.5}) {
    double below = 0;
    for (Index e = 0; e < kInputs * kUnits; ++e) below += arena[e] < z * deviation ? 1 : 0;
    const double want = 0.5 * std::erfc(-z / std::sqrt(2.0));
    EXPECT_NEAR(below / kCount, want, 5 * std::sqrt(0.25 / kCount)) << z;
  }
}

// As nn.Linear does, whose biases have the bound of its weights.
TEST(Initialize, KaimingUniformOfABiasUsesTheInputsOfTheWeight) {
  const Initializer kaiming{InitializerKind::kaiming_uniform, 0};
  const Net net = make(9, {dense("d", 20'000, kaiming, kaiming)});
  const Statistics s = statistics(initial_parameters(net, 1), net.parameter_tensors()[1]);
  EXPECT_LE(s.high, 1 / 3.0);
  EXPECT_GT(s.high, 0.999 / 3);
  EXPECT_LT(s.low, -0.999 / 3);
}

// The first filters pass their channel on, at the middle of the kernel (3, 4): (1, 2).
TEST(Initialize, DiracIsPartlyTheIdentity) {
  Layer conv;
  conv.name = "conv";
  conv.op = Conv2d{{}, 5, {3, 4}};
  conv.inputs = {kNetInput};
  conv.weight_initializer.kind = InitializerKind::dirac;
  Layer top = dense("top", 2, {}, {});
  top.inputs = {0};
  const Net net("net", {3, 4, 2}, {}, {conv, top}, LossFunction::softmax_cross_entropy);
  const Buffer<float> arena = initial_parameters(net, 1);
  Index others = 0;
  for (Index tap = 0; tap < 24; ++tap) {
    for (Index filter = 0; filter < 5; ++filter) {
      const float w = arena[tap * 5 + filter];
      if (filter < 2) {
        EXPECT_EQ(w, tap == (1 * 4 + 2) * 2 + filter ? 1 : 0) << tap << ' ' << filter;
      } else {
        EXPECT_LE(std::abs(w), 1 / std::sqrt(24.0F));
        others += w != 0 ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(others, 24 * 3);
}

// The share of elements that are equal in two tensors.
double agreement(const Buffer<float>& a, Index a_offset, const Buffer<float>& b, Index b_offset,
                 Index size) {
  double equal = 0;
  for (Index e = 0; e < size; ++e) equal += a[a_offset + e] == b[b_offset + e] ? 1 : 0;
  return equal / static_cast<double>(size);
}

TEST(Initialize, SeedAndTensorChangeEveryNumber) {
  const Initializer uniform{InitializerKind::uniform, 0.5};
  const Net net = make(20, {dense("a", 20, uniform, uniform), dense("b", 20, uniform, uniform)});
  const Buffer<float> one = initial_parameters(net, 1);
  const auto& tensors = net.parameter_tensors();
  for (const std::uint64_t seed : {std::uint64_t{2}, std::uint64_t{1} | std::uint64_t{1} << 32}) {
    const Buffer<float> other = initial_parameters(net, seed);
    for (const ParameterTensor& t : tensors) {
      EXPECT_LT(agreement(one, t.offset, other, t.offset, t.size), 0.05) << t.name;
    }
  }
  EXPECT_LT(agreement(one, tensors[0].offset, one, tensors[2].offset, 400), 0.05);
  EXPECT_LT(agreement(one, tensors[0].offset, one, tensors[1].offset, 20), 0.1);
  EXPECT_EQ(agreement(one, 0, initial_parameters(net, 1), 0, net.arena_size()), 1);
}

// Element e of tensor t is the same whatever lies before, after and around it.
TEST(Initialize, AnElementDependsOnItsAddressAlone) {
  const Initializer uniform{InitializerKind::uniform, 0.5}, normal{InitializerKind::he_normal, 0};
  const Net small = make(20, {dense("a", 7, uniform, uniform), dense("b", 5, uniform, normal)});
  const Net large = make(20, {dense("z", 31, normal, {}), dense("y", 50, uniform, normal)});
  const Buffer<float> a = initial_parameters(small, 5), b = initial_parameters(large, 5);
  const ParameterTensor &ta = small.parameter_tensors()[2], &tb = large.parameter_tensors()[2];
  ASSERT_NE(ta.offset, tb.offset);
  EXPECT_EQ(agreement(a, ta.offset, b, tb.offset, ta.size), 1);
}

TEST(Initialize, GapsBetweenBlocksAreZero) {
  const Initializer uniform{InitializerKind::uniform, 0.5};
  const Net net = make(3, {dense("a", 3, uniform, uniform), dense("b", 2, uniform, uniform)});
  Buffer<float> arena = initial_parameters(net, 1);
  for (const ParameterTensor& t : net.parameter_tensors()) {
    std::fill_n(arena.data() + t.offset, t.size, 0.0F);
  }
  for (const float w : arena.span()) EXPECT_EQ(w, 0);
}

}  // namespace
}  // namespace convoy
