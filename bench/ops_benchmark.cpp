// SPDX-License-Identifier: Apache-2.0
// Measures every operation and pass of the four models for work on an operation: one grain on one
// core, with data in cache, against the FMA peak measured in the same run. (`convoy bench` measures
// the stages of a plan in the order of training.)
//
//   cmake --preset release -DCONVOY_BUILD_BENCHMARKS=ON && cmake --build --preset release
//   build/release/bench/ops_benchmark --benchmark_filter=lenet5
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "internal.hpp"
#include "measure/rates.hpp"
#include "ops/backend.hpp"

namespace convoy::bench {
namespace {

constexpr Index kGrain = 4;

// The memory of one operation on a grain, filled with something that is neither zero nor denormal.
struct Arrays {
  explicit Arrays(const Op& op)
      : x(kGrain * input_shape(op).size()),
        y(kGrain * output_shape(op).size()),
        parameters(parameter_shape(op).size()),
        packed(packed_size(op)),
        scratch(scratch_size(op)),
        argmax(kGrain * output_shape(op).size()),
        dx(x.size()),
        dy(y.size()),
        gradient(parameters.size()) {
    for (Buffer<float>* buffer : {&x, &parameters, &dy}) {
      for (Index i = 0; i < buffer->size(); ++i) {
        (*buffer)[i] = 0.01F * static_cast<float>(i % 97 - 48);
      }
    }
  }
  Buffer<float> x, y, parameters, packed, scratch;
  Buffer<Argmax> argmax;
  Buffer<float> dx, dy, gradient;
};

void count(benchmark::State& state, Index flops, double peak) {
  const double done = static_cast<double>(flops * kGrain) * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(done / 1e9, benchmark::Counter::kIsRate);
  state.counters["of_peak"] = benchmark::Counter(done / peak, benchmark::Counter::kIsRate);
}

void add_layer(const std::string& name, const Op& op, bool needs_input_gradient, double peak) {
  const Backend& backend = find_backend("auto");
  benchmark::RegisterBenchmark((name + "/forward").c_str(), [=, &backend](benchmark::State& state) {
    Arrays a(op);
    const Forward<float> pass{kGrain,     a.x.data(),      a.x.data(),      a.parameters.data(),
                              a.y.data(), a.argmax.data(), a.scratch.data()};
    const Range units{0, forward_units(op, kGrain)};
    for (auto _ : state) backend.forward(op, pass, units);
    count(state, forward_flops(op), peak);
  });
  if (needs_input_gradient) {
    benchmark::RegisterBenchmark(
        (name + "/input_gradient").c_str(), [=, &backend](benchmark::State& state) {
          Arrays a(op);
          backend.pack(op, a.parameters.data(), a.packed.data(), {0, parameter_shape(op).taps});
          const InputGradient<float> pass{kGrain,          a.dy.data(),         a.x.data(),
                                          a.y.data(),      a.parameters.data(), a.packed.data(),
                                          a.argmax.data(), a.dx.data(),         a.scratch.data()};
          const Range units{0, input_gradient_units(op, kGrain)};
          for (auto _ : state) backend.input_gradient(op, pass, units);
          count(state, input_gradient_flops(op), peak);
        });
  }
  if (parameter_shape(op).size() > 0) {
    benchmark::RegisterBenchmark(
        (name + "/weight_gradient").c_str(), [=, &backend](benchmark::State& state) {
          Arrays a(op);
          const WeightGradient<float> pass{kGrain, a.x.data(), a.dy.data(), a.gradient.data(),
                                           a.scratch.data()};
          const Range units{0, weight_gradient_units(op)};
          for (auto _ : state) backend.weight_gradient(op, pass, units);
          count(state, weight_gradient_flops(op), peak);
        });
  }
}

void add_model(const std::string& name, double peak) {
  const ModelFile model = load_model_file(name);
  const auto& layers = model.net.layers();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    add_layer(name + "/" + layers[i].name, layers[i].op,
              model.net.needs_input_gradient(static_cast<int>(i)), peak);
  }
}

}  // namespace
}  // namespace convoy::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const double peak = convoy::measure::fma_peak(1, 0.3);
  std::printf("%s, %s, FMA peak of one core %.1f GFLOP/s, grains of 4\n",
              convoy::machine_facts().cpu.c_str(), convoy::find_backend("auto").name, peak / 1e9);
  for (const char* model : {"tiny-relu", "tiny-sigmoid", "lenet5", "vgg-small"}) {
    convoy::bench::add_model(model, peak);
  }
  benchmark::RunSpecifiedBenchmarks();
}
