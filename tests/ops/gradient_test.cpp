// SPDX-License-Identifier: Apache-2.0
// The references in double against central differences: one checker for every operation. With L =
// sum of r * y for random r, the input gradient and the weight gradient of a pass given dy = r have
// to be dL/dx and dL/dparameters.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "ops/reference/operations.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

constexpr double kTolerance = 1e-5;  // relative

// An operation with all arrays that it reads and writes.
template <class Real>
struct Case {
  Op op;
  Index samples;
  std::vector<Real> x, other, parameters, y, dy, dx, gradient;
  std::vector<Argmax> argmax;
  std::vector<std::uint32_t> numbers;  // of the samples
  StepContext context;

  Case(const Op& o, Index b) : op(o), samples(b) {
    Random random(17);
    context = random_context(random, b, numbers);
    x.resize(size(b * input_shape(o).size()));
    other = dx = x;
    parameters.resize(size(parameter_shape(o).size()));
    gradient = parameters;
    y.resize(size(b * output_shape(o).size()));
    dy = y;
    argmax.resize(y.size());
  }

  void forward() {
    Forward<Real> pass;
    pass.samples = samples;
    pass.x = x.data();
    pass.other = other.data();
    pass.parameters = parameters.data();
    pass.y = y.data();
    pass.argmax = argmax.data();
    pass.context = context;
    const Range units{0, forward_units(op, samples)};
    std::visit([&](const auto& o) { reference::forward(o, pass, units); }, op);
  }

  void backward() {
    InputGradient<Real> pass;
    pass.samples = samples;
    pass.dy = dy.data();
    pass.x = x.data();
    pass.y = y.data();
    pass.parameters = parameters.data();
    pass.argmax = argmax.data();
    pass.dx = dx.data();
    pass.context = context;
    const Range units{0, input_gradient_units(op, samples)};
    std::visit([&](const auto& o) { reference::input_gradient(o, pass, units); }, op);
    if (parameters.empty()) return;
    const WeightGradient<Real> weights{samples, x.data(), dy.data(), gradient.data(), nullptr};
    const Range rows{0, weight_gradient_units(op)};
    std::visit(
        [&]<class T>(const T& o) {
          if constexpr (has_weight_gradient_v<T>) reference::weight_gradient(o, weights, rows);
        },
        op);
  }

  static std::size_t size(Index n) { return static_cast<std::size_t>(n); }
};

void fill(std::vector<double>& values, Random& random) {
  for (double& value : values) value = random.uniform(-1, 1);
}

// Numbers in random order, all at least `gap` from each other and from zero: far from the kinks of
// relu and max pooling.
void fill_apart(std::vector<double>& values, Random& random) {
  const double gap = 2.0 / static_cast<double>(values.size() + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double centre = -1 + gap * (static_cast<double>(i) + 0.75);
    values[i] = centre;
  }
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1],
              values[static_cast<std::size_t>(random.pick(0, static_cast<Index>(i) - 1))]);
  }
}

bool has_kinks(const Op& op) {
  const auto* activation = std::get_if<Activation>(&op);
  return keeps_argmax(op) || (activation && activation->function == ActivationFunction::relu);
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Compares `gradient` with central differences of dot(c.dy, c.y) in (some of) `values`, by an error
// relative to the largest gradient.
void check_gradient(Case<double>& c, std::vector<double>& values,
                    const std::vector<double>& gradient, double step, Random& random) {
  double largest = 1e-3;
  for (const double g : gradient) largest = std::max(largest, std::abs(g));
  const Index count = static_cast<Index>(values.size());
  for (Index round = 0; round < std::min<Index>(count, 60); ++round) {
    const auto i = static_cast<std::size_t>(count <= 60 ? round : random.pick(0, count - 1));
    const double value = values[i];
    values[i] = value + step;
    c.forward();
    const double above = dot(c.dy, c.y);
    values[i] = value - step;
    c.forward();
    const double below = dot(c.dy, c.y);
    values[i] = value;
    ASSERT_NEAR((above - below) / (2 * step), gradient[i], kTolerance * largest) << "element " << i;
  }
}

class Gradients : public testing::TestWithParam<Kind> {};

constexpr Bounds kSmall{.side = 9, .channels = 5, .kernel = 5, .multiply_adds = 20'000};

TEST_P(Gradients, AreThoseOfCentralDifferences) {
  Random random(100);
  const int most = rounds(150);
  for (int round = 0; round < most; ++round) {
    Case<double> c(GetParam().make(random, kSmall), random.pick(1, 3));
    SCOPED_TRACE(fmt::format("round {}: {}, {} samples", round, describe(c.op), c.samples));
    has_kinks(c.op) ? fill_apart(c.x, random) : fill(c.x, random);
    for (auto* values : {&c.other, &c.parameters, &c.dy}) fill(*values, random);
    c.forward();
    c.backward();
    // A step that crosses no kink; larger where a function is no polynomial costs accuracy.
    const double apart = 0.2 / static_cast<double>(c.x.size() + 1);
    const double step = std::holds_alternative<Activation>(c.op) ? 1e-4 : 1e-2;
    check_gradient(c, c.x, c.dx, has_kinks(c.op) ? apart : step, random);
    if (std::holds_alternative<Add>(c.op)) check_gradient(c, c.other, c.dx, step, random);
    check_gradient(c, c.parameters, c.gradient, step, random);
    if (HasFatalFailure()) return;
  }
}

// The largest difference, relative to the largest number.
double distance(const std::vector<float>& narrow, const std::vector<double>& wide) {
  double largest = 1e-30, worst = 0;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    largest = std::max(largest, std::abs(wide[i]));
    worst = std::max(worst, std::abs(static_cast<double>(narrow[i]) - wide[i]));
  }
  return worst / largest;
}

// Gradients and goldens are checked with the double reference, and training uses the float one:
// both have one formula.
TEST_P(Gradients, InFloatAreThoseInDoubleRounded) {
  Random random(101);
  const int most = rounds(150);
  for (int round = 0; round < most; ++round) {
    Case<double> wide(GetParam().make(random, {.side = 12, .channels = 20}), random.pick(1, 3));
    Case<float> narrow(wide.op, wide.samples);
    SCOPED_TRACE(fmt::format("round {}: {}", round, describe(wide.op)));
    const auto fill_both = [&](std::vector<double>& values, std::vector<float>& rounded) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        rounded[i] = random_float(random, Values::tame);
        values[i] = static_cast<double>(rounded[i]);
      }
    };
    fill_both(wide.x, narrow.x);
    fill_both(wide.other, narrow.other);
    fill_both(wide.parameters, narrow.parameters);
    fill_both(wide.dy, narrow.dy);
    wide.forward();
    wide.backward();
    narrow.forward();
    narrow.backward();
    // Short segments keep even a sum of 1,000 terms this close.
    ASSERT_LT(distance(narrow.y, wide.y), 5e-6);
    ASSERT_LT(distance(narrow.dx, wide.dx), 5e-6);
    ASSERT_LT(distance(narrow.gradient, wide.gradient), 5e-6);
    ASSERT_EQ(narrow.argmax, wide.argmax);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Gradients, testing::ValuesIn(kKinds),
                         [](const auto& test) { return std::string(test.param.name); });

struct LossCase {
  Loss op;
  std::vector<double> logits, dlogits;
  std::vector<Label> labels;

  LossCase(const Loss& o, std::size_t samples, Random& random) : op(o), labels(samples) {
    logits.resize(samples * static_cast<std::size_t>(o.classes));
    dlogits = logits;
    for (double& z : logits) z = random.uniform(-4, 4);
    for (Label& label : labels) label = static_cast<Label>(random.pick(0, o.classes - 1));
  }
  double loss() {
    return reference::loss<double>(op, {.samples = static_cast<Index>(labels.size()),
                                        .logits = logits.data(),
                                        .labels = labels.data(),
                                        .dlogits = dlogits.data()})
        .loss;
  }
};

TEST(LossGradients, AreThoseOfCentralDifferences) {
  Random random(102);
  for (int round = 0; round < rounds(200); ++round) {
    Loss op{random.pick(1, 200), static_cast<LossFunction>(round % 3)};
    if (round % 6 == 0) op.label_smoothing = random.uniform(0, 0.9);
    LossCase c(op, static_cast<std::size_t>(random.pick(1, 4)), random);
    c.loss();
    const std::vector<double> gradient = c.dlogits;
    for (std::size_t i = 0; i < c.logits.size(); i += 7) {
      const double z = c.logits[i], step = 1e-4;
      c.logits[i] = z + step;
      const double above = c.loss();
      c.logits[i] = z - step;
      const double below = c.loss();
      c.logits[i] = z;
      ASSERT_NEAR((above - below) / (2 * step), gradient[i], kTolerance);
    }
  }
}

// So the classes of top-k accuracy are those of the largest scores, also outside of [0, 1].
TEST(Losses, ProbabilitiesOfSquaredErrorsHaveTheOrderOfTheScores) {
  const std::vector<double> logits = {-0.5, -0.01, 0.9, 1.2, 1.5};
  std::vector<double> probabilities(5);
  reference::loss<double>(
      {5, LossFunction::mean_squared_error},
      {.samples = 1, .logits = logits.data(), .probabilities = probabilities.data()});
  double sum = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_GT(probabilities[i], i > 0 ? probabilities[i - 1] : 0);
    sum += probabilities[i];
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

// The loss is finite for huge and for tiny logits.
TEST(Losses, StayFiniteForHugeLogits) {
  for (const auto function :
       {LossFunction::softmax_cross_entropy, LossFunction::sigmoid_binary_cross_entropy}) {
    const std::vector<float> logits = {-1e30F, 1e30F, 0};
    for (const Label label : {Label{0}, Label{1}, Label{2}}) {
      std::vector<float> dlogits(3);
      const LossSum sum = reference::loss<float>(
          {3, function},
          {.samples = 1, .logits = logits.data(), .labels = &label, .dlogits = dlogits.data()});
      EXPECT_TRUE(std::isfinite(sum.loss));
      EXPECT_GE(sum.loss, 0);
      EXPECT_EQ(sum.correct, label == 1 ? 1 : 0);
      for (const float d : dlogits) EXPECT_LE(std::abs(d), 1);
    }
  }
}

}  // namespace
}  // namespace convoy::test
