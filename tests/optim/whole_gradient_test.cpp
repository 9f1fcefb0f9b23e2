// SPDX-License-Identifier: Apache-2.0
// Clipping, LARS and Muon, whose updates depend on norms or on whole matrices, against PyTorch in
// float64 and against formulas (make_goldens.py), and the norms against long double.
#include <gtest/gtest.h>

#include "ops/backend.hpp"
#include "ops/reference/dense.hpp"
#include "ops/reference/update.hpp"
#include "optim/newton_schulz.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/optim/goldens.hpp"

namespace convoy::test {
namespace {

template <class Real>
void product(const Real* a, const Real* b, Real* c, Index n, Index k, Index m) {
  const Dense dense{{1, 1, k}, m, false};
  Forward<Real> pass;
  pass.samples = n;
  pass.x = a;
  pass.parameters = b;
  pass.y = c;
  reference::forward(dense, pass, {0, forward_units(Op(dense), n)});
}

// The weights and the bias of a dense layer, [taps + 1][columns], which are updated as a parameter
// block of a net is.
template <class Real>
struct LayerRun {
  NetOptimizer optimizer;
  MatrixShape shape;
  std::vector<Real> weights;
  std::vector<Real> largest;  // absolute value that each weight has had
  Index steps = 0;

  LayerRun(NetOptimizer o, const MatrixShape& s, std::vector<Real> start)
      : optimizer(std::move(o)), shape(s), weights(std::move(start)) {
    slots_.assign(optimizer.slots().size(), std::vector<Real>(weights.size()));
    largest.resize(weights.size());
    note_largest();
  }

  bool step(const std::vector<Real>& gradient_sum, Index samples) {
    ++steps;
    const std::array<TensorFactors, 2> factors = factors_of(gradient_sum, samples);
    std::vector<Real> new_weights(weights.size());
    auto new_slots = slots_;
    bool finite = true;
    for (const bool is_bias : {false, true}) {
      const Index begin = is_bias ? shape.size() : 0;
      UpdatePass<Real> pass;
      pass.size = is_bias ? shape.columns : shape.size();
      pass.gradient_sum = gradient_sum.data() + begin;
      pass.weights = weights.data() + begin;
      pass.new_weights = new_weights.data() + begin;
      for (std::size_t s = 0; s < slots_.size(); ++s) {
        pass.slots[s] = slots_[s].data() + begin;
        pass.new_slots[s] = new_slots[s].data() + begin;
      }
      const TensorFactors& of_tensor = factors[is_bias ? 1 : 0];
      pass.scale = scale_of<Real>(samples, of_tensor);
      pass.numbers = numbers_of(optimizer.blocks[0].of(is_bias), learning_rate(optimizer.optimizer),
                                step_factors(optimizer.optimizer, steps), of_tensor);
      if (optimizer.needs_whole_matrices() && !is_bias && shape.is_matrix()) {
        std::vector<Real> scratch(static_cast<std::size_t>(newton_schulz_scratch(shape)));
        finite = update_matrix(std::get<Muon>(optimizer.optimizer), shape, pass, scratch.data(),
                               product<Real>) &&
                 finite;
      } else {
        finite = reference::update(optimizer.optimizer, pass) && finite;
      }
    }
    weights = std::move(new_weights);
    slots_ = std::move(new_slots);
    note_largest();
    return finite;
  }

 private:
  std::array<TensorFactors, 2> factors_of(const std::vector<Real>& gradient_sum, Index samples) {
    std::array<Squares, 2> squares;
    for (Index row = 0; row <= shape.taps; ++row) {
      const Index begin = row * shape.columns;
      squares[row == shape.taps ? 1 : 0].add(
          {sum_of_squares(gradient_sum.data() + begin, shape.columns),
           sum_of_squares(weights.data() + begin, shape.columns)});
    }
    const double all = squares[0].gradient_sum + squares[1].gradient_sum;
    std::array<TensorFactors, 2> factors;
    for (const std::size_t t : {std::size_t{0}, std::size_t{1}}) {
      factors[t] = optimizer.norm_settings().factors_of(optimizer.blocks[0].of(t == 1), squares[t],
                                                        all, samples);
    }
    return factors;
  }

  void note_largest() {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      largest[i] = std::max(largest[i], std::abs(weights[i]));
    }
  }

  std::vector<std::vector<Real>> slots_;
};

template <class Real>
LayerRun<Real> start_of(const nlohmann::json& golden) {
  NetOptimizer optimizer{optimizer_of(golden.at("settings")), {}, {}};
  const TensorUpdate tensor{.weight_decay = weight_decay(optimizer.optimizer)};
  optimizer.blocks = {{tensor, tensor}};
  if (golden.contains("clip_norm")) optimizer.clip_norm = golden["clip_norm"].get<double>();
  const MatrixShape shape{golden.at("inputs").get<Index>(), golden.at("outputs").get<Index>()};
  std::vector<Real> weights;
  for (Index i = 0; i < shape.size(); ++i) {
    weights.push_back(
        static_cast<Real>(fraction(number(Stream::weights, static_cast<std::uint64_t>(i)))));
  }
  weights.resize(weights.size() + static_cast<std::size_t>(shape.columns));  // the bias is 0
  return {std::move(optimizer), shape, std::move(weights)};
}

// Of a batch of four, as make_goldens.py's layer().
template <class Real>
std::vector<Real> gradient_sum_of(const LayerRun<Real>& run) {
  std::vector<Real> sum;
  const auto step = static_cast<std::uint64_t>(run.steps + 1);
  for (std::uint64_t i = 0; i < run.weights.size(); ++i) {
    const double mean =
        std::ldexp(fraction(number(Stream::gradients + step, i)), step % 3 == 0 ? -8 : 0);
    sum.push_back(static_cast<Real>(4 * mean));
  }
  return sum;
}

template <class Real>
void check_layers(double tolerance) {
  const nlohmann::json goldens = read_goldens();
  ASSERT_GE(goldens.at("layers").size(), 12U);
  for (const nlohmann::json& golden : goldens["layers"]) {
    SCOPED_TRACE(golden.at("name").get<std::string>());
    LayerRun<Real> run = start_of<Real>(golden);
    const auto stride = golden.at("stride").get<std::size_t>();
    std::size_t compared = 0;
    while (run.steps < goldens.at("steps").get<Index>()) {
      ASSERT_TRUE(run.step(gradient_sum_of(run), 4));
      const auto wanted = golden.at("weights").find(std::to_string(run.steps));
      if (wanted == golden["weights"].end()) continue;
      for (std::size_t k = 0; k < wanted->size(); ++k) {
        const std::size_t i = k * stride;
        ASSERT_NEAR(wanted->at(k).template get<double>(), static_cast<double>(run.weights[i]),
                    tolerance * static_cast<double>(run.largest[i]))
            << "weight " << i << " after step " << run.steps;
      }
      ++compared;
    }
    EXPECT_EQ(compared, 3U);
  }
}

TEST(WholeGradientGoldens, AreMetByTheReferenceInDouble) {
  check_layers<double>(1e-12);
}

TEST(WholeGradientGoldens, AreMetByTheReferenceInFloat) {
  check_layers<float>(2e-5);
}

// The configuration that has the name of an optimizer has the defaults, PyTorch's for Muon.
TEST(WholeGradientGoldens, HaveTheDefaultsOfConvoy) {
  const nlohmann::json goldens = read_goldens();
  int found = 0;
  for (const nlohmann::json& golden : goldens.at("layers")) {
    for (const NamedOptimizer& known : kOptimizers) {
      if (golden.at("name").get<std::string>() != known.name) continue;
      EXPECT_TRUE(optimizer_of(golden.at("settings")) == known.defaults) << known.name;
      ++found;
    }
  }
  EXPECT_EQ(found, 2);
}

TEST(Norms, ARowIsTheSumOfItsSquares) {
  Random random(31);
  for (const Index size : {1, 2, 15, 16, 17, 31, 32, 100, 1000}) {
    std::vector<float> row(static_cast<std::size_t>(size));
    for (float& x : row) x = random_float(random, Values::wide);
    long double expected = 0;
    for (const float x : row) expected += static_cast<long double>(x) * static_cast<long double>(x);
    const double sum = sum_of_squares(row.data(), size);
    EXPECT_NEAR(sum, static_cast<double>(expected), 1e-14 * sum) << size;
  }
}

// The order that norms.hpp states, spelled out: another order gives other bits.
TEST(Norms, ARowHasSixteenChains) {
  // The square of 2^-27 is lost when it is added to 1, but four of them are not.
  const auto sum_with = [](Index chain) {
    std::vector<float> row(65, 0.0F);
    row[0] = 1;
    for (const Index i : {16, 32, 48, 64}) row[static_cast<std::size_t>(i - 16 + chain)] = 0x1p-27F;
    return sum_of_squares(row.data(), 65);
  };
  EXPECT_EQ(sum_with(1), 1 + 0x1p-52);
  EXPECT_EQ(sum_with(15), 1 + 0x1p-52);
  EXPECT_EQ(sum_with(16), 1);
}

TEST(Norms, ClippingIsThatOfPyTorch) {
  EXPECT_EQ(clip_factor(1, 0), 1);
  EXPECT_EQ(clip_factor(1, 0.5), 1);
  EXPECT_EQ(clip_factor(1, 1), 1 / (1 + 1e-6));  // already
  EXPECT_EQ(clip_factor(3, 12), 3 / (12 + 1e-6));
}

TEST(Lars, ATensorOfZerosHasTheGlobalRate) {
  const Lars op;
  EXPECT_EQ(local_rate(op, 0, 1, 0.1), 1);
  EXPECT_EQ(local_rate(op, 1, 0, 0.1), 1);
  EXPECT_EQ(local_rate(op, 2, 3, 0.5), op.trust_coefficient * 2 / 4);
}

// Products in the reference's order on every backend: the same bits.
TEST(NewtonSchulz, GivesTheSameBitsOnEveryBackend) {
  Random random(32);
  for (int round = 0; round < 40; ++round) {
    const MatrixShape shape{random.pick(2, 150), random.pick(2, 150)};
    std::vector<float> start(static_cast<std::size_t>(shape.size()));
    for (float& x : start) x = static_cast<float>(random.uniform(-1, 1));
    std::vector<float> scratch(static_cast<std::size_t>(newton_schulz_scratch(shape)));
    std::vector<float> expected = start;
    newton_schulz(Muon{}, shape, expected.data(), scratch.data(), product<float>);
    for (const Backend* backend : backends()) {
      std::vector<float> actual = start;
      newton_schulz(Muon{}, shape, actual.data(), scratch.data(),
                    [&](const float* a, const float* b, float* c, Index n, Index k, Index m) {
                      const Op dense = Dense{{1, 1, k}, m, false};
                      Forward<float> pass;
                      pass.samples = n;
                      pass.x = a;
                      pass.parameters = b;
                      pass.y = c;
                      backend->forward(dense, pass, {0, forward_units(dense, n)});
                    });
      for (std::size_t i = 0; i < start.size(); ++i) {
        ASSERT_TRUE(same_bits(expected[i], actual[i])) << backend->name << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace convoy::test
