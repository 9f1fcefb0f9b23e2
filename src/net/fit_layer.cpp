// SPDX-License-Identifier: Apache-2.0
// Checks that a layer fits what it reads.
#include <fmt/format.h>

#include "net/fit_layer.hpp"

namespace convoy {
namespace {

// The largest activation and weight, for the same reason as kMaxSide (ops/op_traits.hpp).
constexpr double kMaxActivation = 0x1p28;
constexpr double kMaxWeights = 0x1p30;

class Fitter {
 public:
  Fitter(const std::vector<Layer>& layers, int index)
      : layers_(layers), index_(index), layer_(layers[static_cast<std::size_t>(index)]) {}

  // The shape that the layer reads.
  Shape input(Shape net_input) const {
    const std::size_t wanted = input_count(layer_.op);
    if (layer_.inputs.size() != wanted) {
      fail("inputs", fmt::format("reads {} inputs", layer_.inputs.size()),
           fmt::format("a layer of this type reads {}", wanted),
           wanted == 2 ? "name two layers in inputs" : "name one layer in inputs, or none");
    }
    for (const int input : layer_.inputs) {
      if (input < kNetInput || input >= index_) {
        fail("inputs", "reads a layer that does not come before it",
             "layers are in the order in which they are computed", "name an earlier layer");
      }
    }
    const Shape shape = shape_of(layer_.inputs[0], net_input);
    if (wanted == 2) check_pair(shape, net_input);
    return shape;
  }

  // Whether each key is within its limits, then whether the operation fits its input.
  template <class OpType>
  void check(const OpType& op) const {
    OpTraits<OpType>::visit_keys(
        op, [&]([[maybe_unused]] std::string_view key, [[maybe_unused]] const auto& field,
                const auto& /*usual*/,
                const auto&... limits) { (check_limits(key, field, limits), ...); });
    OpTraits<OpType>::check(
        op, [&](std::string_view key, std::string_view problem, std::string_view why,
                std::string_view remedy) { fail(key, problem, why, remedy); });
    double weights = 1;  // no product of whole numbers, which could overflow
    for (const Index side : weight_shape(op)) weights *= static_cast<double>(side);
    if (weights > kMaxWeights) {
      fail("", fmt::format("it would have {:.0f} weights", weights),
           fmt::format("at most {:.0f} a layer", kMaxWeights), "make the layer smaller");
    }
  }

  void check_output(Shape out) const {
    const double size = static_cast<double>(out.height) * static_cast<double>(out.width) *
                        static_cast<double>(out.channels);
    if (size > kMaxActivation) {
      fail("", fmt::format("its output {} is too large", to_string(out)),
           fmt::format("at most {:.0f} numbers a sample", kMaxActivation),
           "make the layer smaller");
    }
  }

 private:
  [[noreturn]] void fail(std::string_view key, std::string_view problem, std::string_view why,
                         std::string_view remedy) const {
    throw LayerError(index_, key,
                     fmt::format("layer '{}' ({}): {}", layer_.name, type_name(layer_.op), problem),
                     why, remedy);
  }

  std::string name_of(int layer) const {
    return layer == kNetInput ? "input" : layers_[static_cast<std::size_t>(layer)].name;
  }

  Shape shape_of(int layer, Shape net_input) const {
    return layer == kNetInput ? net_input
                              : output_shape(layers_[static_cast<std::size_t>(layer)].op);
  }

  void check_pair(Shape first, Shape net_input) const {
    const int a = layer_.inputs[0], b = layer_.inputs[1];
    const Shape second = shape_of(b, net_input);
    if (a == b) {
      fail("inputs", fmt::format("reads '{}' twice", name_of(a)), "", "name two different layers");
    }
    if (first != second) {
      fail("inputs", "its two inputs differ in shape",
           fmt::format("'{}' is {}, '{}' is {}", name_of(a), to_string(first), name_of(b),
                       to_string(second)),
           "add layers of one shape (padding, stride and filters decide it)");
    }
  }

  void check_limits(std::string_view key, Index value, const IndexRange& range) const {
    if (value < range.low || value > range.high) {
      fail(key, fmt::format("{} is {}", key, value), "",
           fmt::format("use {} to {}", range.low, range.high));
    }
  }
  void check_limits(std::string_view key, const Extent& extent, const IndexRange& range) const {
    for (const Index side : {extent.height, extent.width}) check_limits(key, side, range);
  }
  void check_limits(std::string_view key, double value, const Interval& interval) const {
    if (!interval.contains(value)) {
      fail(key, fmt::format("{} is {}", key, value), "",
           fmt::format("use a number {}", interval.text()));
    }
  }

  const std::vector<Layer>& layers_;
  int index_;
  const Layer& layer_;
};

}  // namespace

void fit_layer(std::vector<Layer>& layers, int index, Shape net_input) {
  const Fitter fitter(layers, index);
  const Shape in = fitter.input(net_input);
  std::visit(
      [&]<class OpType>(OpType& op) {
        op.in = in;
        OpTraits<OpType>::fit(op);
        fitter.check(op);
        fitter.check_output(output_shape(op));
      },
      layers[static_cast<std::size_t>(index)].op);
}

}  // namespace convoy
