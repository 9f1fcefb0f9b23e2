// SPDX-License-Identifier: Apache-2.0
// Computes the weights before the first step in double, with the project's own functions, and
// rounds each once.
#include <cmath>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "base/random.hpp"
#include "net/net.hpp"
#include "ops/math.hpp"

namespace convoy {
namespace {

// The source of the random numbers of a tensor.
struct Source {
  RandomStream stream;
  std::uint32_t tensor;  // of the layer: 0 its weight, 1 its bias; the `sample` of the counter

  double uniform(std::uint64_t element) const { return random_uniform(stream, tensor, element); }
};

// A number in [-range, range).
double uniform(const Source& source, std::uint64_t element, double range) {
  return (2 * source.uniform(element) - 1) * range;
}

// A number with mean 0 and standard deviation 1. (By IEEE 754 std::sqrt is exact to the last bit,
// unlike the rest of libm.)
double normal(const Source& source, std::uint64_t element) {
  const double u = 1 - source.uniform(2 * element);  // (0, 1]
  const double angle = source.uniform(2 * element + 1);
  return std::sqrt(-2 * math::log(u)) * math::cos_turns(angle);
}

double kaiming_uniform(const ParameterShape& shape, const Source& source, std::uint64_t element) {
  return uniform(source, element, 1 / std::sqrt(static_cast<double>(shape.fan_in)));
}

// Weights lie as [ky][kx][c][f] (those of a dense layer as [c][f]).
double dirac(const Op& op, const ParameterShape& shape, const Source& source,
             std::uint64_t element) {
  const auto index = static_cast<Index>(element);
  const Index filter = index % shape.columns, tap = index / shape.columns;
  const auto* conv = std::get_if<Conv2d>(&op);
  const Extent kernel = conv == nullptr ? Extent{1, 1} : conv->kernel;
  const Index channels = shape.taps / kernel.area();
  if (filter >= channels) return kaiming_uniform(shape, source, element);
  const Index middle = kernel.height / 2 * kernel.width + kernel.width / 2;
  return tap == middle * channels + filter ? 1 : 0;
}

double draw(const Op& op, const Initializer& initializer, const ParameterShape& shape,
            const Source& source, std::uint64_t element) {
  switch (initializer.kind) {
    case InitializerKind::zeros:
      return 0;
    case InitializerKind::uniform:
      return uniform(source, element, initializer.range);
    case InitializerKind::xavier_uniform:
      return uniform(source, element,
                     std::sqrt(6.0 / static_cast<double>(shape.fan_in + shape.fan_out)));
    case InitializerKind::he_normal:
      return normal(source, element) * std::sqrt(2.0 / static_cast<double>(shape.fan_in));
    case InitializerKind::kaiming_uniform:
      return kaiming_uniform(shape, source, element);
    case InitializerKind::dirac:
      return dirac(op, shape, source, element);
  }
  CONVOY_ASSERT(false);
  return 0;
}

}  // namespace

Buffer<float> initial_parameters(const Net& net, std::uint64_t seed) {
  const FloatEnvironment environment;  // the caller's environment may differ
  Buffer<float> arena(net.arena_size());
  for (const ParameterTensor& tensor : net.tensors()) {
    const Layer& layer = net.layers()[static_cast<std::size_t>(tensor.layer)];
    if (tensor.is_buffer || !has_initializers(layer.op)) {
      std::fill_n(arena.data() + tensor.offset, tensor.size, tensor.initial);
      continue;
    }
    const ParameterShape shape = parameter_shape(layer.op);
    const bool is_bias = tensor.name.ends_with(".bias");
    const Initializer& initializer = is_bias ? layer.bias_initializer : layer.weight_initializer;
    const Source source{
        {seed, Purpose::initial_weights, static_cast<std::uint16_t>(tensor.layer), 0},
        is_bias ? 1U : 0U};
    for (Index e = 0; e < tensor.size; ++e) {
      arena[tensor.offset + e] = static_cast<float>(
          draw(layer.op, initializer, shape, source, static_cast<std::uint64_t>(e)));
    }
  }
  return arena;
}

}  // namespace convoy
