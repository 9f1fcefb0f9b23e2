// SPDX-License-Identifier: Apache-2.0
// Every backend gives the bits of the naive reference, for every operation and pass, over random
// shapes, numbers and divisions of the units, and writes its own outputs only. A NaN equals a NaN:
// its sign and payload are no part of the contract.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/check.hpp"
#include "ops/backend.hpp"
#include "tests/ops/guarded.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/optim/random_optimizer.hpp"

namespace convoy::test {
namespace {

using Floats = Guarded<float>;

void fill(Floats& array, Random& random, Values values) {
  for (Index i = 0; i < array.size(); ++i) array[i] = random_float(random, values);
}

template <class T>
void expect_same(const Guarded<T>& expected, const Guarded<T>& actual, const char* what) {
  for (Index i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(same_bits(expected[i], actual[i]))
        << what << "[" << i << "]: " << actual[i] << " instead of " << expected[i];
  }
}

// The inputs of all passes of one operation, and the outputs that they should write.
struct Case {
  Op op;
  Index samples;
  Floats x, other, parameters, weights, y, dy, dx, gradient;
  Guarded<Argmax> argmax;
  std::vector<std::uint32_t> numbers;  // of the samples
  StepContext context;

  Case(const Op& o, Index b, Random& random, Values values)
      : op(o),
        samples(b),
        x(b * input_shape(o).size(), random.pick(0, 3)),
        other(x.size()),
        parameters(parameter_shape(o).size(), random.pick(0, 3)),
        weights(parameters.size(), random.pick(0, 3)),
        y(b * output_shape(o).size(), random.pick(0, 3)),
        dy(y.size(), random.pick(0, 3)),
        dx(x.size()),
        gradient(parameters.size()),
        argmax(y.size()),
        context(random_context(random, b, numbers)) {
    for (Floats* array : {&x, &other, &dy}) fill(*array, random, values);
    fill(parameters, random, values);
    // For the input gradient the weights of a convolution have to be finite (conv2d.hpp).
    const bool finite = std::holds_alternative<Conv2d>(o) && values == Values::hostile;
    fill(weights, random, finite ? Values::tiny : values);
    forward(reference::backend(), y, argmax, {0, forward_units(op, b)});
    input_gradient(reference::backend(), dx, {0, input_gradient_units(op, b)});
    if (parameters.size() > 0) {
      weight_gradient(reference::backend(), gradient, {0, weight_gradient_units(op)});
    }
  }

  void forward(const Backend& backend, Floats& to, Guarded<Argmax>& to_argmax, Range units) const {
    Floats scratch(scratch_size(op));
    backend.forward(op,
                    {.samples = samples,
                     .x = x.data(),
                     .other = other.data(),
                     .parameters = parameters.data(),
                     .y = to.data(),
                     .argmax = keeps_argmax(op) ? to_argmax.data() : nullptr,
                     .scratch = scratch.data(),
                     .context = context},
                    units);
    ASSERT_TRUE(scratch.guards_hold()) << "scratch";
  }

  void input_gradient(const Backend& backend, Floats& to, Range units) const {
    Floats scratch(scratch_size(op)), packed(packed_size(op));
    const Index rows = packed.size() > 0 ? parameter_shape(op).taps : 0;
    backend.pack(op, weights.data(), packed.data(), {0, rows});
    backend.input_gradient(op,
                           {.samples = samples,
                            .dy = dy.data(),
                            .x = x.data(),
                            .y = y.data(),
                            .parameters = weights.data(),
                            .packed = packed.data(),
                            .argmax = keeps_argmax(op) ? argmax.data() : nullptr,
                            .dx = to.data(),
                            .scratch = scratch.data(),
                            .context = context},
                           units);
    ASSERT_TRUE(scratch.guards_hold() && packed.guards_hold()) << "scratch or packed";
  }

  void weight_gradient(const Backend& backend, Floats& to, Range units) const {
    Floats scratch(scratch_size(op));
    backend.weight_gradient(op,
                            {.samples = samples,
                             .x = x.data(),
                             .dy = dy.data(),
                             .gradient = to.data(),
                             .scratch = scratch.data()},
                            units);
    ASSERT_TRUE(scratch.guards_hold()) << "scratch";
  }
};

// Runs a pass over all units at once, and over random parts of them in random order. The first part
// may touch nothing but what its units own; all of them write what one call over all units does.
void check_parts(const Case& c, PassKind kind, Index units, const Floats& expected, Random& random,
                 const std::function<void(Floats&, Range)>& call) {
  Floats whole(expected.size(), random.pick(0, 3));
  call(whole, {0, units});
  if (testing::Test::HasFatalFailure()) return;
  ASSERT_TRUE(whole.guards_hold());
  expect_same(expected, whole, "whole output");
  std::vector<Range> parts = random_partition(random, units);
  for (std::size_t i = parts.size(); i > 1; --i) {
    std::swap(parts[i - 1],
              parts[static_cast<std::size_t>(random.pick(0, static_cast<Index>(i) - 1))]);
  }
  Floats actual(expected.size(), random.pick(0, 3));
  bool first = true;
  for (const Range& part : parts) {
    call(actual, part);
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(actual.guards_hold());
    if (!first) continue;
    first = false;
    std::vector<bool> owned(static_cast<std::size_t>(actual.size()));
    for (Index unit = part.begin; unit < part.end; ++unit) {
      const Range elements = owned_by(c.op, kind, c.samples, unit);
      for (Index i = elements.begin; i < elements.end; ++i)
        owned[static_cast<std::size_t>(i)] = true;
    }
    for (Index i = 0; i < actual.size(); ++i) {
      ASSERT_TRUE(owned[static_cast<std::size_t>(i)] || actual.is_poison(i))
          << "units " << part.begin << " to " << part.end << " wrote element " << i;
    }
  }
  expect_same(expected, actual, "output");
}

void check_backend(const Case& c, const Backend& backend, Random& random) {
  {
    SCOPED_TRACE("forward");
    Guarded<Argmax> argmax(c.y.size());
    check_parts(c, PassKind::forward, forward_units(c.op, c.samples), c.y, random,
                [&](Floats& to, Range part) { c.forward(backend, to, argmax, part); });
    ASSERT_TRUE(argmax.guards_hold());
    if (keeps_argmax(c.op)) expect_same(c.argmax, argmax, "argmax");
  }
  {
    SCOPED_TRACE("input gradient");
    check_parts(c, PassKind::input_gradient, input_gradient_units(c.op, c.samples), c.dx, random,
                [&](Floats& to, Range part) { c.input_gradient(backend, to, part); });
  }
  if (c.parameters.size() > 0) {
    SCOPED_TRACE("weight gradient");
    check_parts(c, PassKind::weight_gradient, weight_gradient_units(c.op), c.gradient, random,
                [&](Floats& to, Range part) { c.weight_gradient(backend, to, part); });
  }
}

class Kernels : public testing::TestWithParam<Kind> {};

TEST_P(Kernels, GiveTheBitsOfTheReferenceOnAnyPartOfTheUnits) {
  Random random(static_cast<std::uint64_t>(GetParam().name[0]));
  const int most = rounds(400);
  for (int round = 0; round < most; ++round) {
    const Op op = GetParam().make(random, {});
    const Index samples = random.chance(10) ? random.pick(1, 6) : random.pick(1, 3);
    const Case c(op, samples, random, values_of(round));
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(
          fmt::format("round {}: {}, {} samples, {}", round, describe(op), samples, backend->name));
      check_backend(c, *backend, random);
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Kernels, testing::ValuesIn(kKinds),
                         [](const auto& test) { return std::string(test.param.name); });

// A weight gradient's sum over samples is long for large batches.
TEST(DenseKernels, AddManySamplesInSegments) {
  Random random(7);
  for (int round = 0; round < rounds(12); ++round) {
    const Dense op{{1, 1, random.pick(1, 20)}, random.pick(1, 40), true};
    const Case c(op, random.pick(100, 400), random, Values::wide);
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("{} {} samples, {}", describe(op), c.samples, backend->name));
      check_backend(c, *backend, random);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Pack, WritesTheRowsOfItsUnitsAlone) {
  Random random(8);
  for (int round = 0; round < rounds(100); ++round) {
    const Op op = kKinds[round % 2 == 0 ? 0 : 3].make(random, {.side = 8, .channels = 20});
    Floats parameters(parameter_shape(op).size());
    fill(parameters, random, Values::tame);
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(describe(op) + backend->name);
      Floats whole(packed_size(op)), pieces(packed_size(op));
      const ParameterShape shape = parameter_shape(op);
      backend->pack(op, parameters.data(), whole.data(), {0, shape.taps});
      Index written = 0;
      for (const Range& part : random_partition(random, shape.taps)) {
        backend->pack(op, parameters.data(), pieces.data(), part);
        written += part.size() * shape.columns;
        Index found = 0;
        for (Index i = 0; i < pieces.size(); ++i) found += pieces.is_poison(i) ? 0 : 1;
        ASSERT_EQ(found, backend == &reference::backend() ? 0 : written);
      }
      ASSERT_TRUE(whole.guards_hold() && pieces.guards_hold());
      expect_same(whole, pieces, "packed");
    }
  }
}

TEST(Activations, MayBeDoneInPlace) {
  Random random(9);
  for (int round = 0; round < rounds(300); ++round) {
    const Activation op{{random.pick(1, 20), 3, random.pick(1, 5)},
                        static_cast<ActivationFunction>(random.pick(0, 3)),
                        0.25};
    ASSERT_TRUE(works_in_place(op));
    const Case c(op, random.pick(1, 3), random, values_of(round));
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(describe(op) + backend->name);
      Floats y(c.y.size()), dx(c.dx.size());
      std::copy_n(c.x.data(), y.size(), y.data());
      std::copy_n(c.dy.data(), dx.size(), dx.data());
      const Range units{0, forward_units(op, c.samples)};
      backend->forward(op, {.samples = c.samples, .x = y.data(), .y = y.data()}, units);
      backend->input_gradient(
          op, {.samples = c.samples, .dy = dx.data(), .y = c.y.data(), .dx = dx.data()}, units);
      expect_same(c.y, y, "y");
      expect_same(c.dx, dx, "dx");
      ASSERT_TRUE(y.guards_hold() && dx.guards_hold());
    }
  }
}

// Sweeps all of float's range coarsely: they agree to the bit.
TEST(Activations, AgreeOverAllMagnitudes) {
  const Index count = 1 << 16;
  Floats x(count), expected(count), actual(count);
  for (Index i = 0; i < count; ++i) {
    x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(i << 16 | (i * 40503 & 0xFFFF)));
  }
  for (const auto function : {ActivationFunction::sigmoid, ActivationFunction::tanh,
                              ActivationFunction::leaky_relu, ActivationFunction::silu}) {
    const Op op = Activation{{1, 1, count}, function};
    const Range units{0, forward_units(op, 1)};
    reference::backend().forward(op, {.samples = 1, .x = x.data(), .y = expected.data()}, units);
    for (const Backend* backend : backends()) {
      backend->forward(op, {.samples = 1, .x = x.data(), .y = actual.data()}, units);
      expect_same(expected, actual, backend->name);
    }
  }
}

struct LossOutputs {
  Floats probabilities, dlogits;
  std::vector<std::uint16_t> predictions;
  LossSum sum;

  LossOutputs(const Backend& backend, const Loss& op, Index samples, const Floats& logits,
              const std::vector<Label>& labels, bool in_place)
      : probabilities(logits.size()),
        dlogits(logits.size()),
        predictions(static_cast<std::size_t>(samples)) {
    if (in_place) std::copy_n(logits.data(), logits.size(), dlogits.data());
    sum = backend.loss(op, {.samples = samples,
                            .logits = in_place ? dlogits.data() : logits.data(),
                            .labels = labels.empty() ? nullptr : labels.data(),
                            .probabilities = probabilities.data(),
                            .dlogits = dlogits.data(),
                            .predictions = predictions.data()});
  }
};

TEST(Losses, GiveTheBitsOfTheReference) {
  Random random(10);
  for (int round = 0; round < rounds(400); ++round) {
    Loss op{random.chance(20) ? random.pick(100, 300) : random.channels(40),
            static_cast<LossFunction>(random.pick(0, 2))};
    if (op.function == LossFunction::softmax_cross_entropy && random.chance(50)) {
      op.label_smoothing = random.uniform(0, 1);
    }
    const Index samples = random.pick(1, 6);
    Floats logits(samples * op.classes, random.pick(0, 3));
    fill(logits, random, values_of(round));
    std::vector<Label> labels(random.chance(90) ? static_cast<std::size_t>(samples) : 0);
    for (Label& label : labels) {
      label = static_cast<Label>(random.pick(0, op.classes - 1));
    }
    const LossOutputs expected(reference::backend(), op, samples, logits, labels, false);
    for (const Backend* backend : backends()) {
      for (const bool in_place : {false, true}) {
        SCOPED_TRACE(fmt::format("{} classes, function {}, {} {}", op.classes,
                                 static_cast<int>(op.function), backend->name, in_place));
        const LossOutputs actual(*backend, op, samples, logits, labels, in_place);
        ASSERT_TRUE(actual.probabilities.guards_hold() && actual.dlogits.guards_hold());
        expect_same(expected.probabilities, actual.probabilities, "probabilities");
        if (!labels.empty()) expect_same(expected.dlogits, actual.dlogits, "dlogits");
        ASSERT_EQ(expected.predictions, actual.predictions);
        ASSERT_EQ(expected.sum.correct, actual.sum.correct);
        ASSERT_TRUE(same_bits(expected.sum.loss, actual.sum.loss));
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Sweeps all of float's range coarsely: the losses' exponentials and logarithms, in double.
TEST(Losses, AgreeOverAllMagnitudes) {
  const Loss op{1, LossFunction::sigmoid_binary_cross_entropy};
  for (std::uint32_t i = 0; i < 1U << 16; ++i) {
    const float logit = std::bit_cast<float>(i << 16 | (i * 40503U & 0xFFFFU));
    const Label label = i % 2;  // 1 is no class: softplus alone
    const LossPass<float> pass{.samples = 1, .logits = &logit, .labels = &label};
    const double expected = reference::backend().loss(op, pass).loss;
    for (const Backend* backend : backends()) {
      ASSERT_TRUE(same_bits(expected, backend->loss(op, pass).loss)) << logit << backend->name;
    }
  }
}

// The inputs of an update by a random optimizer, and its outputs on a backend.
struct UpdateCase {
  Optimizer optimizer;
  UpdatePass<float> pass;
  Floats sum, weights;
  std::vector<Floats> slots;

  UpdateCase(Random& random, Values values)
      : optimizer(random_optimizer(random)),
        sum(random.pick(0, 200), random.pick(0, 3)),
        weights(sum.size(), random.pick(0, 3)) {
    for (Floats* array : {&sum, &weights}) fill(*array, random, values);
    for (const std::string_view name : slots_of(optimizer)) {
      Floats& slot = slots.emplace_back(sum.size(), random.pick(0, 3));
      fill(slot, random, values);
      // A mean of squares is negative in a test of NaN alone.
      if (values == Values::hostile || (name != "exp_avg_sq" && name != "square_avg")) continue;
      for (Index i = 0; i < slot.size(); ++i) slot[i] = std::abs(slot[i]);
    }
    pass.size = sum.size();
    pass.scale = 1.0F / static_cast<float>(random.pick(1, 300));
    const TensorUpdate tensor{.rate_factor = random.chance(50) ? 1 : random.uniform(0, 3),
                              .weight_decay = weight_decay(optimizer)};
    pass.numbers = numbers_of(tensor, random.chance(5) ? 0 : learning_rate(optimizer),
                              step_factors(optimizer, random.pick(1, 1000)));
  }

  struct Outputs {
    Floats weights;
    std::vector<Floats> slots;
    bool finite = false;
  };
  Outputs update(const Backend& backend) const {
    Outputs outputs{Floats(sum.size(), 1), {}};
    outputs.slots.reserve(slots.size());
    UpdatePass<float> p = pass;
    p.gradient_sum = sum.data();
    p.weights = weights.data();
    p.new_weights = outputs.weights.data();
    for (std::size_t s = 0; s < slots.size(); ++s) {
      p.slots[s] = slots[s].data();
      p.new_slots[s] = outputs.slots.emplace_back(sum.size(), 2).data();
    }
    outputs.finite = backend.update(optimizer, p);
    EXPECT_TRUE(outputs.weights.guards_hold());
    for (const Floats& slot : outputs.slots) EXPECT_TRUE(slot.guards_hold());
    return outputs;
  }
};

TEST(Updates, GiveTheBitsOfTheReference) {
  Random random(11);
  for (int round = 0; round < rounds(1200); ++round) {
    const UpdateCase c(random, values_of(round));
    const UpdateCase::Outputs expected = c.update(reference::backend());
    const auto all_finite = [&](const Floats& values) {
      return std::all_of(values.data(), values.data() + c.sum.size(),
                         [](float v) { return std::isfinite(v); });
    };
    bool finite = all_finite(expected.weights);
    for (std::size_t s = 0; s < c.slots.size(); ++s) {
      finite = finite && all_finite(expected.slots[s]);
    }
    EXPECT_EQ(expected.finite, finite);
    for (const Backend* backend : backends()) {
      SCOPED_TRACE(fmt::format("round {}: {}, {} weights, {}", round, describe(c.optimizer),
                               c.sum.size(), backend->name));
      const UpdateCase::Outputs actual = c.update(*backend);
      EXPECT_EQ(actual.finite, expected.finite);
      expect_same(expected.weights, actual.weights, "weights");
      for (std::size_t s = 0; s < c.slots.size(); ++s) {
        expect_same(expected.slots[s], actual.slots[s], slots_of(c.optimizer)[s].data());
      }
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Additions, GiveTheBitsOfTheReference) {
  Random random(12);
  for (int round = 0; round < rounds(200); ++round) {
    Floats sum(random.pick(0, 200), random.pick(0, 3)), addend(sum.size(), random.pick(0, 3));
    fill(sum, random, values_of(round));
    fill(addend, random, values_of(round));
    for (const Backend* backend : backends()) {
      Floats actual(sum.size());
      std::copy_n(sum.data(), sum.size(), actual.data());
      backend->add(sum.size(), actual.data(), addend.data());
      ASSERT_TRUE(actual.guards_hold());
      for (Index i = 0; i < sum.size(); ++i) {
        ASSERT_TRUE(same_bits(sum[i] + addend[i], actual[i])) << backend->name;
      }
    }
  }
}

// Without any vector target the tests above would test only the reference.
TEST(Backends, EndWithTheReferenceAndAreFoundByName) {
  ASSERT_FALSE(backends().empty());
  EXPECT_EQ(backends().back(), &reference::backend());
  EXPECT_EQ(&find_backend("auto"), backends().front());
  for (const Backend* backend : backends()) EXPECT_EQ(&find_backend(backend->name), backend);
  EXPECT_THROW(find_backend("mmx"), UserError);
}

}  // namespace
}  // namespace convoy::test
