// SPDX-License-Identifier: Apache-2.0
// The optimizers against PyTorch (make_goldens.py): the reference in double against PyTorch in
// float64, the reference in float against that and against PyTorch's fused=True in float32. Every
// backend gives the bits of the reference.
//
// A difference of two weights is relative to the largest absolute value that the weight has had,
// its initial value included: a weight that returns to almost 0 keeps the roundings of its way
// there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "ops/backend.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/optim/goldens.hpp"
#include "tests/optim/optimizer_run.hpp"

namespace convoy::test {
namespace {

constexpr double kDoubleTolerance = 1e-12;
constexpr double kFloatTolerance = 2e-6;  // the largest difference of both kinds is 1e-6

struct Golden {
  std::string name;
  Optimizer optimizer;
  std::vector<std::pair<Index, std::vector<double>>> weights;  // after so many steps, in float64
  std::vector<float> fused;                                    // after all steps, or empty
};

struct Goldens {
  std::uint64_t size;
  Index steps;
  std::vector<Golden> all;

  Goldens() {
    const nlohmann::json json = read_goldens();
    json.at("size").get_to(size);
    json.at("steps").get_to(steps);
    for (const nlohmann::json& configuration : json.at("configurations")) {
      Golden golden;
      configuration.at("name").get_to(golden.name);
      golden.optimizer = optimizer_of(configuration.at("settings"));
      for (const auto& [step, weights] : configuration.at("weights").items()) {
        golden.weights.emplace_back(std::stol(step), weights.get<std::vector<double>>());
      }
      if (configuration.contains("fused")) configuration["fused"].get_to(golden.fused);
      all.push_back(std::move(golden));
    }
  }

  template <class Real>
  OptimizerRun<Real> start(const Golden& golden) const {
    std::vector<Real> weights;
    for (std::uint64_t i = 0; i < size; ++i) {
      weights.push_back(static_cast<Real>(initial_weight(i)));
    }
    return {golden.optimizer, weights};
  }

  // Of a batch of four: the sum is not the gradient. Both are exact.
  template <class Real, class Update>
  void step(OptimizerRun<Real>& run, const Update& update) const {
    std::vector<Real> sum;
    for (std::uint64_t i = 0; i < size; ++i) {
      const double mean = gradient(static_cast<std::uint64_t>(run.steps + 1), i);
      sum.push_back(static_cast<Real>(4 * mean));
    }
    ASSERT_TRUE(run.step(sum, static_cast<Real>(0.25), update));
  }
};

template <class Real, class Weight>
void expect_near(const std::vector<Weight>& expected, const OptimizerRun<Real>& run,
                 double tolerance) {
  ASSERT_EQ(expected.size(), run.weights.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(expected[i]), static_cast<double>(run.weights[i]),
                tolerance * static_cast<double>(run.largest[i]))
        << "weight " << i << " after step " << run.steps;
  }
}

template <class Real>
void check_reference(double tolerance) {
  const Goldens goldens;
  for (const Golden& golden : goldens.all) {
    SCOPED_TRACE(golden.name);
    OptimizerRun<Real> run = goldens.start<Real>(golden);
    std::size_t compared = 0;
    while (run.steps < goldens.steps) {
      goldens.step(run, reference::update<Real>);
      for (const auto& [step, weights] : golden.weights) {
        if (step != run.steps) continue;
        expect_near(weights, run, tolerance);
        ++compared;
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    ASSERT_EQ(compared, golden.weights.size());
    ASSERT_GE(compared, 3U);
  }
}

TEST(OptimizerGoldens, AreMetByTheReferenceInDouble) {
  check_reference<double>(kDoubleTolerance);
}

TEST(OptimizerGoldens, AreMetByTheReferenceInFloat) {
  check_reference<float>(kFloatTolerance);
}

// PyTorch's fused Adam and AdamW have the roundings of adam.hpp, so that all bits are equal.
TEST(OptimizerGoldens, OfFusedOptimizersAreMetByTheReferenceInFloat) {
  const Goldens goldens;
  int fused = 0, equal = 0;
  for (const Golden& golden : goldens.all) {
    SCOPED_TRACE(golden.name);
    // PyTorch has no fused RMSprop on the CPU.
    ASSERT_EQ(golden.fused.empty(), std::holds_alternative<RmsProp>(golden.optimizer));
    if (golden.fused.empty()) continue;
    OptimizerRun<float> run = goldens.start<float>(golden);
    while (run.steps < goldens.steps) goldens.step(run, reference::update<float>);
    expect_near(golden.fused, run, kFloatTolerance);
    ++fused;
    if (!std::holds_alternative<Adam>(golden.optimizer)) continue;
    for (std::size_t i = 0; i < run.weights.size(); ++i) {
      EXPECT_TRUE(same_bits(golden.fused[i], run.weights[i])) << "weight " << i;
    }
    ++equal;
  }
  EXPECT_GE(fused, 12);
  EXPECT_GE(equal, 10);
}

TEST(OptimizerGoldens, GiveTheSameBitsOnEveryBackend) {
  const Goldens goldens;
  for (const Golden& golden : goldens.all) {
    OptimizerRun<float> expected = goldens.start<float>(golden);
    while (expected.steps < goldens.steps) goldens.step(expected, reference::update<float>);
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("{}, {}", golden.name, backend->name));
      OptimizerRun<float> actual = goldens.start<float>(golden);
      while (actual.steps < goldens.steps) goldens.step(actual, backend->update);
      for (std::size_t i = 0; i < goldens.size; ++i) {
        ASSERT_TRUE(same_bits(expected.weights[i], actual.weights[i])) << "weight " << i;
        for (std::size_t s = 0; s < slots_of(golden.optimizer).size(); ++s) {
          ASSERT_TRUE(same_bits(expected.slots[s][i], actual.slots[s][i]))
              << slots_of(golden.optimizer)[s] << "[" << i << "]";
        }
      }
    }
  }
}

// Passes have room for the slots of every optimizer with all that can be switched on.
TEST(OptimizerGoldens, NoOptimizerHasMoreSlotsThanAPass) {
  for (const NamedOptimizer& known : kOptimizers) {
    Optimizer all = known.defaults;
    std::visit(
        [](auto& op) {
          visit_settings(op, [](std::string_view, auto& field, const auto&...) {
            using Field = std::decay_t<decltype(field)>;
            field = static_cast<Field>(std::is_same_v<Field, double> ? 0.5 : 1);
          });
        },
        all);
    EXPECT_LE(slots_of(all).size(), std::size_t{kMostSlots}) << known.name;
  }
}

// What an optimizer needs follows from the functions that its header has.
TEST(OptimizerGoldens, NeedWhatTheirHeadersSay) {
  for (const NamedOptimizer& known : kOptimizers) {
    EXPECT_EQ(needs_norms(known.defaults), known.name == "lars") << known.name;
    EXPECT_EQ(needs_matrices(known.defaults), known.name == "muon") << known.name;
  }
}

// The configuration that has the name of an optimizer has PyTorch's defaults.
TEST(OptimizerGoldens, HaveTheDefaultsOfConvoy) {
  const Goldens goldens;
  for (const NamedOptimizer& known : kOptimizers) {
    // whole_gradient_test.cpp has those of Muon; PyTorch has no LARS.
    if (needs_norms(known.defaults) || needs_matrices(known.defaults)) continue;
    const auto golden = std::ranges::find(goldens.all, known.name, &Golden::name);
    ASSERT_NE(golden, goldens.all.end()) << known.name;
    Optimizer expected = golden->optimizer;
    if (auto* sgd = std::get_if<Sgd>(&expected)) {
      EXPECT_EQ(sgd->learning_rate, 0.001);  // since PyTorch 2.2; before, there was no default
      sgd->learning_rate = Sgd{}.learning_rate;
    }
    EXPECT_TRUE(expected == known.defaults) << known.name;
  }
}

}  // namespace
}  // namespace convoy::test
