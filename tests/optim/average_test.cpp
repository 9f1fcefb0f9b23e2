// SPDX-License-Identifier: Apache-2.0
// The averages of the weights against PyTorch's AveragedModel and a transcription of lookahead in
// NumPy (make_goldens.py), in double and in float. Every backend gives the bits of the reference,
// also for numbers of any magnitude and for lengths that fill no vector.
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include <fmt/format.h>

#include "ops/backend.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/optim/goldens.hpp"
#include "tests/optim/optimizer_run.hpp"

namespace convoy::test {
namespace {

struct Golden {
  std::string name;
  Average average;
  Optimizer optimizer;
  std::map<Index, std::vector<double>> weights, averages;  // after so many steps, in float64
};

Average average_of(const nlohmann::json& settings) {
  Average average = Ema{};
  if (settings.at("type") == "lookahead") average = Lookahead{};
  std::visit(
      [&](auto& one) {
        visit_settings(one, [&](std::string_view key, auto& field, const auto&...) {
          settings.at(std::string(key)).get_to(field);
        });
      },
      average);
  return average;
}

std::map<Index, std::vector<double>> by_step(const nlohmann::json& json) {
  std::map<Index, std::vector<double>> all;
  for (const auto& [step, values] : json.items()) {
    all[std::stol(step)] = values.get<std::vector<double>>();
  }
  return all;
}

struct Goldens {
  std::uint64_t size = 0;
  Index steps = 0;
  std::vector<Golden> all;

  Goldens() {
    const nlohmann::json json = read_goldens();
    json.at("size").get_to(size);
    json.at("steps").get_to(steps);
    for (const nlohmann::json& one : json.at("averages")) {
      all.push_back({one.at("name").get<std::string>(), average_of(one.at("average")),
                     optimizer_of(one.at("settings")), by_step(one.at("weights")),
                     by_step(one.at("averages"))});
    }
  }
};

// Weights and their average, step by step.
template <class Real>
struct AveragedRun {
  Average average;
  OptimizerRun<Real> run;
  std::vector<Real> averages;

  AveragedRun(const Golden& golden, std::uint64_t size)
      : average(golden.average), run(golden.optimizer, start(size)), averages(run.weights) {}

  static std::vector<Real> start(std::uint64_t size) {
    std::vector<Real> weights;
    for (std::uint64_t i = 0; i < size; ++i) {
      weights.push_back(static_cast<Real>(initial_weight(i)));
    }
    return weights;
  }

  template <class Update, class Step>
  void step(const Update& update, const Step& average_step_of) {
    std::vector<Real> sum;
    for (std::size_t i = 0; i < run.weights.size(); ++i) {
      sum.push_back(static_cast<Real>(4 * gradient(static_cast<std::uint64_t>(run.steps + 1), i)));
    }
    ASSERT_TRUE(run.step(sum, static_cast<Real>(0.25), update));
    std::vector<Real> next(averages.size());
    ASSERT_TRUE(average_step_of(AveragePass<Real>{static_cast<Index>(averages.size()),
                                                  run.weights.data(), averages.data(), next.data(),
                                                  average_step(average, run.steps)}));
    averages = std::move(next);
  }
};

template <class Real>
void check_reference(double tolerance) {
  const Goldens goldens;
  ASSERT_GE(goldens.all.size(), 7U);
  for (const Golden& golden : goldens.all) {
    AveragedRun<Real> run(golden, goldens.size);
    ASSERT_GE(golden.averages.size(), 5U);
    while (run.run.steps < goldens.steps) {
      run.step(reference::update<Real>, reference::average<Real>);
      const Index step = run.run.steps;
      if (!golden.averages.contains(step)) continue;
      for (std::size_t i = 0; i < run.averages.size(); ++i) {
        SCOPED_TRACE(fmt::format("{}: weight {} after step {}", golden.name, i, step));
        const double near = tolerance * static_cast<double>(run.run.largest[i]);
        ASSERT_NEAR(golden.weights.at(step)[i], static_cast<double>(run.run.weights[i]), near);
        ASSERT_NEAR(golden.averages.at(step)[i], static_cast<double>(run.averages[i]), near);
      }
    }
  }
}

TEST(Averages, AreThoseOfPyTorchInDouble) {
  check_reference<double>(1e-12);
}

TEST(Averages, AreThoseOfPyTorchInFloat) {
  check_reference<float>(2e-6);
}

TEST(Averages, GiveTheSameBitsOnEveryBackendOverManySteps) {
  const Goldens goldens;
  for (const Golden& golden : goldens.all) {
    AveragedRun<float> expected(golden, goldens.size);
    while (expected.run.steps < goldens.steps) {
      expected.step(reference::update<float>, reference::average<float>);
    }
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("{}, {}", golden.name, backend->name));
      AveragedRun<float> actual(golden, goldens.size);
      while (actual.run.steps < goldens.steps) actual.step(backend->update, backend->average);
      for (std::size_t i = 0; i < actual.averages.size(); ++i) {
        ASSERT_TRUE(same_bits(expected.averages[i], actual.averages[i])) << i;
        ASSERT_TRUE(same_bits(expected.run.weights[i], actual.run.weights[i])) << i;
      }
    }
  }
}

struct AverageCase {
  std::vector<float> weights, average;
  AverageStep step;
};

bool run(const Backend& backend, AverageCase& c) {
  std::vector<float> next(c.average.size());
  const bool finite = backend.average(
      {static_cast<Index>(next.size()), c.weights.data(), c.average.data(), next.data(), c.step});
  c.average = std::move(next);
  return finite;
}

TEST(Averages, GiveTheBitsOfTheReferenceForAnyNumbers) {
  Random random(31);
  for (int round = 0; round < rounds(500); ++round) {
    AverageCase given;
    given.weights.resize(static_cast<std::size_t>(random.pick(0, 70)));
    given.average.resize(given.weights.size());
    for (float& w : given.weights) w = random_float(random, Values::wide);
    for (float& a : given.average) a = random_float(random, Values::wide);
    constexpr double kShares[] = {0, 1, 0.001, 0.5, 0.75};
    given.step = {kShares[random.pick(0, 4)], random.chance(50)};
    AverageCase expected = given;
    const bool finite = run(reference::backend(), expected);
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("round {}: share {}, {}", round, given.step.share, backend->name));
      AverageCase actual = given;
      ASSERT_EQ(run(*backend, actual), finite);
      for (std::size_t i = 0; i < given.weights.size(); ++i) {
        ASSERT_TRUE(same_bits(expected.average[i], actual.average[i])) << i;
        ASSERT_TRUE(same_bits(expected.weights[i], actual.weights[i])) << i;
        if (given.step.share == 0) {
          ASSERT_TRUE(same_bits(given.average[i], actual.average[i]));
        }
        if (given.step.share == 0 || !given.step.sets_weights) {
          ASSERT_TRUE(same_bits(given.weights[i], actual.weights[i]));
        }
      }
    }
  }
}

// The difference of two finite numbers overflows.
TEST(Averages, TellThatAnAverageIsNotFinite) {
  constexpr float kLarge = std::numeric_limits<float>::max();
  for (const Backend* backend : backends()) {
    for (std::size_t at = 0; at < 40; ++at) {
      AverageCase c{std::vector<float>(40, 0.5F), std::vector<float>(40, 0.25F), {0.25, false}};
      AverageCase fine = c;
      EXPECT_TRUE(run(*backend, fine)) << backend->name;
      c.weights[at] = kLarge;
      c.average[at] = -kLarge;
      EXPECT_FALSE(run(*backend, c)) << backend->name << " " << at;
    }
  }
}

TEST(Averages, DependOnTheNumberOfTheStep) {
  EXPECT_EQ(average_step(Average(NoAverage{}), 5), (AverageStep{0, false}));
  const Average ema = Ema{.decay = 0.75};
  EXPECT_EQ(average_step(ema, 1), (AverageStep{1, false}));  // copies the weights
  EXPECT_EQ(average_step(ema, 2), (AverageStep{0.25, false}));
  const Average warm = Ema{.decay = 0.75, .warmup = true};
  EXPECT_EQ(average_step(warm, 1), (AverageStep{1, false}));
  EXPECT_EQ(average_step(warm, 2), (AverageStep{0.75, false}));
  EXPECT_EQ(average_step(warm, 26), (AverageStep{0.25, false}));
  EXPECT_EQ(average_step(warm, 1000), (AverageStep{0.25, false}));
  const Average lookahead = Lookahead{.steps = 3, .factor = 0.5};
  EXPECT_EQ(average_step(lookahead, 2), (AverageStep{0, false}));
  EXPECT_EQ(average_step(lookahead, 3), (AverageStep{0.5, true}));
  EXPECT_EQ(average_step(lookahead, 4), (AverageStep{0, false}));
}

}  // namespace
}  // namespace convoy::test
