// SPDX-License-Identifier: Apache-2.0
// Whole nets against PyTorch in float64 (make_goldens.py): logits, every gradient tensor, and the
// losses of ten steps of SGD, for the references in double, the references in float, and the engine
// on every instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/model_file.hpp"
#include "runtime/cpu_engine.hpp"
#include "tests/goldens/interpreter.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

constexpr double kFloatTolerance = 1e-5;    // relative to a tensor's norm
constexpr double kDoubleTolerance = 1e-10;  // the goldens have 12 digits

// make_goldens.py's number(): an element of a stream.
enum Stream : std::uint64_t { pixels = 1, labels = 2, parameters = 16, samples = 256, signs = 512 };

std::uint64_t number(std::uint64_t stream, std::uint64_t element) {
  std::uint64_t x = (element + (stream << 32) + 1) * 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// A model of its own, or a shipped one.
std::string model_path(const std::string& name) {
  const std::string own = fmt::format("{}/tests/goldens/{}.toml", CONVOY_SOURCE_DIR, name);
  return std::filesystem::exists(own) ? own
                                      : fmt::format("{}/models/{}.toml", CONVOY_SOURCE_DIR, name);
}

// A golden file, with the model and the data that it was made from.
struct Golden {
  nlohmann::json json;
  ModelFile model;
  std::vector<std::uint8_t> bytes;
  std::vector<Label> labels;
  std::vector<float> arena;

  explicit Golden(const std::string& name)
      : json(nlohmann::json::parse(
            std::ifstream(fmt::format("{}/tests/goldens/{}.json", CONVOY_SOURCE_DIR, name)))),
        model(load_model_file(model_path(name))),
        arena(static_cast<std::size_t>(model.net.arena_size())) {
    for (std::uint64_t b = 0; b < static_cast<std::uint64_t>(batch()); ++b) {
      labels.push_back(static_cast<Label>(number(Stream::labels, b) % 10));
    }
    const auto count = static_cast<std::uint64_t>(batch() * model.net.input().size());
    for (std::uint64_t i = 0; i < count; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(number(Stream::pixels, i) >> 56));
    }
    const std::vector<ParameterTensor>& tensors = model.net.parameter_tensors();
    for (std::size_t t = 0; t < tensors.size() && t < json["tensors"].size(); ++t) {
      const int exponent = json["tensors"][t]["exponent"];
      for (Index i = 0; i < tensors[t].size; ++i) {
        const auto draw = number(Stream::parameters + t, static_cast<std::uint64_t>(i)) >> 40;
        arena[static_cast<std::size_t>(tensors[t].offset + i)] =
            std::ldexp(static_cast<float>(draw) - 0x1p23F, exponent - 23);
      }
    }
  }

  Index batch() const { return json["batch"].get<Index>(); }
  std::vector<double> list(const char* key) const { return json[key].get<std::vector<double>>(); }
  Sgd sgd() const {
    return {learning_rate(), json["momentum"].get<double>(), json["nesterov"].get<bool>(),
            json["weight_decay"].get<double>()};
  }
  double learning_rate() const { return json["learning_rate"].get<double>(); }

  template <class Real>
  std::vector<Real> input() const {
    const Normalization& n = model.net.normalization();
    const double mean = n.mean.empty() ? 0 : n.mean[0];
    const double stddev = n.stddev.empty() ? 1 : n.stddev[0];
    std::vector<Real> x;
    for (const std::uint8_t byte : bytes) {
      x.push_back(static_cast<Real>((static_cast<double>(byte) * n.scale - mean) / stddev));
    }
    return x;
  }
};

double norm_of(const std::vector<double>& values) {
  return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> difference;
  for (std::size_t i = 0; i < a.size(); ++i) difference.push_back(a[i] - b[i]);
  return norm_of(difference);
}

template <class Real>
std::vector<double> widened(const Real* values, Index size) {
  return std::vector<double>(values, values + size);
}

// Compares this tensor, the net's t-th, with the golden one.
void check_gradient(const nlohmann::json& golden, std::size_t t, const std::vector<double>& actual,
                    double tolerance) {
  const double norm = golden["norm"], allowed = tolerance * norm;
  ASSERT_GT(norm, 0);
  ASSERT_NEAR(norm_of(actual), norm, allowed);
  if (golden.contains("values")) {
    const auto expected = golden["values"].get<std::vector<double>>();
    ASSERT_EQ(expected.size(), actual.size());
    ASSERT_LE(distance(expected, actual), allowed);
    return;
  }
  const auto expected = golden["samples"].get<std::vector<double>>();
  std::vector<double> chosen;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    chosen.push_back(actual[number(Stream::samples + t, i) % actual.size()]);
  }
  const double share = static_cast<double>(expected.size()) / static_cast<double>(actual.size());
  ASSERT_LE(distance(expected, chosen), allowed * std::sqrt(share));
  for (std::size_t j = 0; j < golden["sums"].size(); ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const std::uint64_t stream = Stream::signs + golden["sums"].size() * t + j;
      sum += number(stream, i) >> 63 ? -actual[i] : actual[i];
    }
    ASSERT_NEAR(sum, golden["sums"][j].get<double>(),
                allowed);  // of a sum with random signs: one standard deviation
  }
}

class Goldens : public testing::TestWithParam<std::string> {};

TEST_P(Goldens, AreOfTheModelInTheFile) {
  const Golden golden(GetParam());
  const std::vector<ParameterTensor>& tensors = golden.model.net.parameter_tensors();
  ASSERT_EQ(tensors.size(), golden.json["tensors"].size());
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    EXPECT_EQ(tensors[t].shape, golden.json["tensors"][t]["shape"].get<std::vector<Index>>())
        << tensors[t].name;
  }
  ASSERT_EQ(golden.list("losses").size(), 10U);
  ASSERT_EQ(golden.list("logits").size(), static_cast<std::size_t>(10 * golden.batch()));
}

template <class Real>
void check_references(const Golden& golden, double tolerance, int steps) {
  const Net& net = golden.model.net;
  Interpreter<Real> run(net, golden.input<Real>(), golden.labels);
  run.parameters.assign(golden.arena.begin(), golden.arena.end());
  const std::vector<double> losses = golden.list("losses");
  ASSERT_NEAR(run.run(true), losses[0], tolerance * losses[0]);

  const std::vector<double> logits = golden.list("logits");
  ASSERT_LE(distance(logits, widened(run.logits().data(), net.loss().classes * golden.batch())),
            tolerance * norm_of(logits));
  for (std::size_t t = 0; t < net.parameter_tensors().size(); ++t) {
    const ParameterTensor& tensor = net.parameter_tensors()[t];
    SCOPED_TRACE(tensor.name);
    std::vector<double> gradient = widened(run.gradient.data() + tensor.offset, tensor.size);
    for (double& g : gradient) g /= static_cast<double>(golden.batch());
    check_gradient(golden.json["gradients"][t], t, gradient, tolerance);
  }
  for (int step = 1; step < steps; ++step) {
    run.step(golden.sgd(), golden.learning_rate());
    const double loss = run.run(step + 1 < steps);
    const double expected = losses[static_cast<std::size_t>(step)];
    ASSERT_NEAR(loss, expected, tolerance * expected) << "step " << step;
  }
}

// The naive references take seconds for all ten steps of the largest net.
int reference_steps(const std::string& name) {
  return name == "vgg-small" ? rounds(6) / 2 + 1 : rounds(60) / 6;
}

TEST_P(Goldens, AreMetByTheReferencesInDouble) {
  check_references<double>(Golden(GetParam()), kDoubleTolerance, reference_steps(GetParam()));
}

TEST_P(Goldens, AreMetByTheReferencesInFloat) {
  check_references<float>(Golden(GetParam()), kFloatTolerance, reference_steps(GetParam()));
}

// An engine that starts at the golden parameters and does steps on the one golden batch.
class GoldenEngine {
 public:
  GoldenEngine(const Golden& golden, const Sgd& sgd, const std::string& isa)
      : golden_(golden),
        data_({28, 28, 1}, golden.bytes, golden.labels, 10),
        communicator_(alone()),
        engine_(make_cpu_engine(golden.model.net,
                                optimizer_of(golden.model.net, {.optimizer = sgd}), options(isa),
                                *communicator_)),
        order_(golden.labels.size()) {
    std::iota(order_.begin(), order_.end(), 0U);
    ModelState state{Buffer<float>(golden.model.net.arena_size()), {}};
    std::copy(golden.arena.begin(), golden.arena.end(), state.parameters.data());
    engine_->set_state(state);
  }

  double step(double learning_rate) {
    const float rate = static_cast<float>(learning_rate);
    StepRange step_range;
    step_range.data = &data_;
    step_range.order = order_;
    step_range.steps = {0, 1};
    step_range.batch = golden_.batch();
    step_range.learning_rates = {&rate, 1};
    const StepRangeResult result = engine_->run(step_range);
    EXPECT_EQ(result.outcome, Outcome::finished);
    EXPECT_EQ(result.total.samples, golden_.batch());
    return result.last_loss;
  }
  Evaluation evaluate() { return engine_->evaluate(data_, order_, true); }
  ModelState state() const { return engine_->state(); }

 private:
  EngineOptions options(const std::string& isa) const {
    EngineOptions options;
    options.cpu.threads = 1;
    options.cpu.isa = isa;
    options.batch = golden_.batch();
    options.grain = golden_.batch() > 2 ? 2 : 1;  // several grains, the last one shorter
    return options;
  }

  const Golden& golden_;
  Dataset data_;
  std::unique_ptr<Communicator> communicator_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::uint32_t> order_;
};

void check_probabilities(const Golden& golden, GoldenEngine& engine) {
  const std::vector<double> logits = golden.list("logits");
  std::vector<double> expected(logits.size());
  reference::loss<double>(
      golden.model.net.loss(),
      {.samples = golden.batch(), .logits = logits.data(), .probabilities = expected.data()});
  const Evaluation evaluation = engine.evaluate();
  ASSERT_EQ(evaluation.probabilities.size(), expected.size());
  ASSERT_LE(distance(expected, widened(evaluation.probabilities.data(), 10 * golden.batch())),
            kFloatTolerance * norm_of(expected));
}

// One step of plain SGD at so high a rate that the initial weights are a rounding error in the
// result.
void check_engine_gradients(const Golden& golden, const std::string& isa) {
  GoldenEngine engine(golden, Sgd{}, isa);
  const double rate = 0x1p20;
  engine.step(rate);
  const ModelState after = engine.state();
  for (std::size_t t = 0; t < golden.model.net.parameter_tensors().size(); ++t) {
    const ParameterTensor& tensor = golden.model.net.parameter_tensors()[t];
    SCOPED_TRACE(tensor.name);
    std::vector<double> gradient;
    for (Index i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      const double before = static_cast<double>(golden.arena[static_cast<std::size_t>(i)]);
      gradient.push_back((before - static_cast<double>(after.parameters[i])) /
                         (rate * tensor.learning_rate_factor));
    }
    check_gradient(golden.json["gradients"][t], t, gradient, kFloatTolerance);
  }
}

TEST_P(Goldens, AreMetByTheEngine) {
  const Golden golden(GetParam());
  const std::vector<double> losses = golden.list("losses");
  for (const std::string& isa : available_isas()) {
    if (isa == "reference" && GetParam() == "vgg-small") continue;  // slow; as above
    SCOPED_TRACE(isa);
    check_engine_gradients(golden, isa);
    GoldenEngine engine(golden, golden.sgd(), isa);
    check_probabilities(golden, engine);
    for (std::size_t step = 0; step < losses.size(); ++step) {
      ASSERT_NEAR(engine.step(golden.learning_rate()), losses[step], kFloatTolerance * losses[step])
          << "step " << step;
    }
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Goldens,
                         testing::Values("tiny-relu", "tiny-sigmoid", "lenet5", "vgg-small",
                                         "modern", "modern-squares"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace convoy::test
