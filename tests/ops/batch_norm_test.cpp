// SPDX-License-Identifier: Apache-2.0
// Batch normalisation: the reference in double against PyTorch (make_batch_norm_goldens.py) and
// against central differences; every backend against the reference in float, bit for bit; the merge
// of statistics along the tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>

#include <nlohmann/json.hpp>

#include "ops/backend.hpp"
#include "ops/reference/batch_norm2d.hpp"
#include "parallel/reduction_tree.hpp"
#include "tests/ops/guarded.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

// The operation in double on one batch, in grains; the steps are those of an engine.
class Batch {
 public:
  Batch(const BatchNorm2d& op, Index samples, Index grain)
      : op_(op), samples_(samples), grain_(grain), channels_(op.in.channels) {
    for (auto* values : {&x, &y, &dy, &dx}) values->resize(size(samples * op.in.size()));
    for (auto* values : {&gamma, &beta, &dgamma, &dbeta, &running_mean, &running_var}) {
      values->resize(size(channels_));
    }
    coefficients_.resize(size(kCoefficients * channels_));
  }

  std::vector<double> x, y, dy, dx;  // [samples][height][width][channels]
  std::vector<double> gamma, beta, dgamma, dbeta, running_mean, running_var;  // [channels]

  void forward() {
    values_ = reduce(false);
    for (std::size_t c = 0; c < size(channels_); ++c) {
      const double mean = values_[c], m2 = values_[size(channels_) + c];
      const ForwardCoefficients f =
          forward_coefficients(op_.epsilon, mean, m2 / n(), gamma[c], beta[c]);
      coefficient(Coefficient::scale, c) = f.scale;
      coefficient(Coefficient::shift, c) = f.shift;
      running_mean[c] = running(op_.momentum, running_mean[c], mean);
      running_var[c] = running(op_.momentum, running_var[c], m2 / (n() - 1));
    }
    normalize();
  }

  void backward() {
    const std::vector<double> statistics = values_;
    const std::vector<double> sums = reduce(true);
    for (std::size_t c = 0; c < size(channels_); ++c) {
      const double mean = statistics[c], m2 = statistics[size(channels_) + c];
      const ForwardCoefficients f =
          forward_coefficients(op_.epsilon, mean, m2 / n(), gamma[c], beta[c]);
      const BackwardCoefficients b =
          backward_coefficients(f, mean, n(), sums[c], sums[size(channels_) + c]);
      coefficient(Coefficient::dy_factor, c) = b.dy_factor;
      coefficient(Coefficient::x_factor, c) = b.x_factor;
      coefficient(Coefficient::offset, c) = b.offset;
      dgamma[c] = b.dgamma;
      dbeta[c] = sums[c];
    }
    const InputGradient<double> pass{.samples = samples_,
                                     .dy = dy.data(),
                                     .x = x.data(),
                                     .y = y.data(),
                                     .parameters = coefficients_.data(),
                                     .dx = dx.data()};
    reference::input_gradient(op_, pass, {0, samples_ * op_.in.height * op_.in.width});
  }

  // With the running statistics.
  void infer() {
    for (std::size_t c = 0; c < size(channels_); ++c) {
      const ForwardCoefficients f =
          forward_coefficients(op_.epsilon, running_mean[c], running_var[c], gamma[c], beta[c]);
      coefficient(Coefficient::scale, c) = f.scale;
      coefficient(Coefficient::shift, c) = f.shift;
    }
    normalize();
  }

 private:
  static std::size_t size(Index n) { return static_cast<std::size_t>(n); }
  double n() const { return static_cast<double>(samples_ * op_.in.height * op_.in.width); }
  double& coefficient(Coefficient which, std::size_t c) {
    return row(coefficients_.data(), which, channels_)[c];
  }

  void normalize() {
    const Forward<double> pass{
        .samples = samples_, .x = x.data(), .parameters = coefficients_.data(), .y = y.data()};
    reference::forward(op_, pass, {0, samples_ * op_.in.height * op_.in.width});
  }

  // The statistics of the grains, along the tree: [2][channels].
  std::vector<double> reduce(bool backward) {
    const Index grains = (samples_ + grain_ - 1) / grain_, C = channels_;
    std::vector<double> stack(size(2 * C * (tree::max_depth(grains) + 1)));
    tree::Counter counter(grains);
    const auto n_of = [&](const tree::Subtree& subtree) {
      const Index end = std::min(subtree.end * grain_, samples_);
      return static_cast<double>((end - subtree.begin * grain_) * op_.in.height * op_.in.width);
    };
    for (Index g = 0; g < grains; ++g) {
      const Index first = g * grain_, at = first * op_.in.size();
      const StatisticsPass<double> pass{.samples = std::min(grain_, samples_ - first),
                                        .x = x.data() + at,
                                        .dy = dy.data() + at,
                                        .y = y.data() + at,
                                        .mean = values_.data(),
                                        .values = stack.data() + counter.depth() * 2 * C};
      const Range units{0, (C + kColumnBlock - 1) / kColumnBlock};
      if (backward) {
        reference::gradient_statistics(op_, pass, units);
      } else {
        reference::statistics(op_, pass, units);
      }
      counter.push({g, g + 1}, [&](Index i, const Range& left, const Range& right) {
        double* const a = stack.data() + i * 2 * C;
        const double* const b = a + 2 * C;
        for (Index c = 0; c < C; ++c) {
          const Moments sum =
              backward ? Moments{a[c] + b[c], a[C + c] + b[C + c]}
                       : merge(n_of(left), {a[c], a[C + c]}, n_of(right), {b[c], b[C + c]});
          a[c] = sum.mean;
          a[C + c] = sum.m2;
        }
      });
    }
    stack.resize(size(2 * C));
    return stack;
  }

  const BatchNorm2d op_;
  const Index samples_, grain_, channels_;
  std::vector<double> coefficients_, values_;
};

// make_batch_norm_goldens.py's number().
double number(std::size_t i, std::size_t a, std::size_t b) {
  return static_cast<double>((i * a + b) % 1009) / 512 - 1;
}

void expect_near(const std::vector<double>& expected, const std::vector<double>& actual,
                 const char* what) {
  double largest = 1e-3;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  ASSERT_EQ(expected.size(), actual.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(expected[i], actual[i], 1e-11 * largest) << what << "[" << i << "]";
  }
}

TEST(BatchNorm, AgreesWithPyTorchInDouble) {
  std::ifstream file(CONVOY_SOURCE_DIR "/tests/ops/batch_norm_goldens.json");
  const auto goldens = nlohmann::json::parse(file);
  ASSERT_EQ(goldens["cases"].size(), 5U);
  for (const auto& golden : goldens["cases"]) {
    const auto shape = golden["shape"].get<std::vector<Index>>();
    BatchNorm2d op{{shape[1], shape[2], shape[3]}};
    op.momentum = golden["momentum"];
    op.epsilon = golden["epsilon"];
    op.scale = golden["scale"];
    for (const Index grain : {1, 2, 4}) {
      SCOPED_TRACE(golden["shape"].dump() + " in grains of " + std::to_string(grain));
      Batch batch(op, shape[0], grain);
      for (std::size_t i = 0; i < batch.x.size(); ++i) {
        batch.x[i] = number(i, 37, 11) + golden["offset"].get<double>();
        batch.dy[i] = number(i, 41, 13);
      }
      for (std::size_t c = 0; c < batch.gamma.size(); ++c) {
        batch.gamma[c] = op.scale ? number(c, 17, 5) + 1.5 : 1;
        batch.beta[c] = number(c, 23, 7);
        batch.running_mean[c] = number(c, 29, 3);
        batch.running_var[c] = number(c, 31, 2) + 1.25;
      }
      batch.infer();
      expect_near(golden["inference"], batch.y, "y by running statistics");
      batch.forward();
      batch.backward();
      expect_near(golden["y"], batch.y, "y");
      expect_near(golden["dx"], batch.dx, "dx");
      if (op.scale) expect_near(golden["dgamma"], batch.dgamma, "dgamma");
      expect_near(golden["dbeta"], batch.dbeta, "dbeta");
      expect_near(golden["running_mean"], batch.running_mean, "running_mean");
      expect_near(golden["running_var"], batch.running_var, "running_var");
    }
  }
}

// With L = sum of dy * y: the gradients have to be dL/dx, dL/dgamma and dL/dbeta.
TEST(BatchNorm, GradientsAreThoseOfCentralDifferences) {
  Random random(301);
  for (int round = 0; round < rounds(60); ++round) {
    BatchNorm2d op{{random.pick(1, 4), random.pick(1, 5), random.pick(1, 5)}};
    op.relu = random.chance(50);
    const Index samples = random.pick(2, 9);
    SCOPED_TRACE("round " + std::to_string(round));
    Batch batch(op, samples, random.pick(1, 4));
    for (auto* values : {&batch.x, &batch.dy, &batch.gamma, &batch.beta}) {
      for (double& value : *values) value = random.uniform(-1, 1);
    }
    batch.forward();
    batch.backward();
    const auto loss = [&] {
      batch.forward();
      double sum = 0;
      for (std::size_t i = 0; i < batch.y.size(); ++i) sum += batch.dy[i] * batch.y[i];
      return sum;
    };
    const auto check = [&](std::vector<double>& values, const std::vector<double>& gradient,
                           const char* what) {
      double largest = 1e-2;
      for (const double g : gradient) largest = std::max(largest, std::abs(g));
      for (int draw = 0; draw < 12; ++draw) {
        const auto i =
            static_cast<std::size_t>(random.pick(0, static_cast<Index>(values.size()) - 1));
        const double value = values[i], step = 1e-6;
        values[i] = value + step;
        const double above = loss();
        const std::vector<double> y_above = batch.y;
        values[i] = value - step;
        const double below = loss();
        values[i] = value;
        const bool crosses_a_kink =
            op.relu && !std::ranges::equal(y_above, batch.y,
                                           [](double a, double b) { return (a > 0) == (b > 0); });
        if (crosses_a_kink) continue;
        ASSERT_NEAR((above - below) / (2 * step), gradient[i], 1e-5 * largest) << what << " " << i;
      }
    };
    const std::vector<double> dx = batch.dx, dgamma = batch.dgamma, dbeta = batch.dbeta;
    check(batch.x, dx, "dx");
    check(batch.gamma, dgamma, "dgamma");
    check(batch.beta, dbeta, "dbeta");
  }
}

using Floats = Guarded<float>;
using Doubles = Guarded<double>;

void fill(Floats& array, Random& random, Values values) {
  for (Index i = 0; i < array.size(); ++i) array[i] = random_float(random, values);
}

bool same_double(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

TEST(BatchNorm, EveryBackendHasTheBitsOfTheReference) {
  Random random(302);
  for (int round = 0; round < rounds(300); ++round) {
    const Values values = values_of(round);
    BatchNorm2d op;
    const bool wide = random.chance(20);
    op.in = {random.pick(1, wide ? 3 : 12), wide ? random.pick(100, 300) : random.pick(1, 14),
             random.channels(wide ? 9 : 40)};
    op.relu = random.chance(50);
    const Index samples = random.pick(1, 4), C = op.in.channels, size = samples * op.in.size();
    Floats x(size, random.pick(0, 3)), y(size), dy(size, random.pick(0, 3));
    for (Floats* array : {&x, &y, &dy}) fill(*array, random, values);
    Doubles mean(C);
    for (Index c = 0; c < C; ++c) mean[c] = random.uniform(-1, 1);
    Floats coefficients(kCoefficients * C, random.pick(0, 3));
    fill(coefficients, random, values);
    const Index blocks = (C + kColumnBlock - 1) / kColumnBlock;
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(
          fmt::format("round {}: {}, {} samples, {}", round, describe(op), samples, backend->name));
      for (const bool backward : {false, true}) {
        Doubles expected(2 * C), actual(2 * C);
        const auto run = [&](const Backend& b, Doubles& to, Range units) {
          const StatisticsPass<float> pass{.samples = samples,
                                           .x = x.data(),
                                           .dy = dy.data(),
                                           .y = y.data(),
                                           .mean = mean.data(),
                                           .values = to.data()};
          (backward ? b.gradient_statistics : b.statistics)(op, pass, units);
        };
        run(reference::backend(), expected, {0, blocks});
        for (Index unit = 0; unit < blocks; ++unit) run(*backend, actual, {unit, unit + 1});
        ASSERT_TRUE(actual.guards_hold());
        for (Index i = 0; i < 2 * C; ++i) {
          ASSERT_TRUE(same_double(expected[i], actual[i])) << (backward ? "backward " : "") << i;
        }
        // A unit writes its own channels.
        Doubles one(2 * C);
        run(*backend, one, {blocks - 1, blocks});
        for (Index c = 0; c < (blocks - 1) * kColumnBlock; ++c) {
          ASSERT_TRUE(one.is_poison(c) && one.is_poison(C + c));
        }
      }
      const Index pixels = samples * op.in.height * op.in.width, cut = random.pick(0, pixels);
      Floats expected(size), actual(size);
      const auto forward = [&](const Backend& b, Floats& to, Range units) {
        b.forward(
            op,
            {.samples = samples, .x = x.data(), .parameters = coefficients.data(), .y = to.data()},
            units);
      };
      forward(reference::backend(), expected, {0, pixels});
      forward(*backend, actual, {cut, pixels});
      forward(*backend, actual, {0, cut});
      ASSERT_TRUE(actual.guards_hold());
      for (Index i = 0; i < size; ++i) ASSERT_TRUE(same_bits(expected[i], actual[i])) << i;
      const auto input_gradient = [&](const Backend& b, Floats& to, Range units) {
        b.input_gradient(op,
                         {.samples = samples,
                          .dy = dy.data(),
                          .x = x.data(),
                          .y = y.data(),
                          .parameters = coefficients.data(),
                          .dx = to.data()},
                         units);
      };
      input_gradient(reference::backend(), expected, {0, pixels});
      input_gradient(*backend, actual, {cut, pixels});
      input_gradient(*backend, actual, {0, cut});
      ASSERT_TRUE(actual.guards_hold());
      for (Index i = 0; i < size; ++i) ASSERT_TRUE(same_bits(expected[i], actual[i])) << i;
    }
  }
}

}  // namespace
}  // namespace convoy::test
