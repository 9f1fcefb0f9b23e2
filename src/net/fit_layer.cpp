// SPDX-License-Identifier: Apache-2.0
// Checks that a layer fits what it reads.
#include <fmt/format.h>

#include "net/fit_layer.hpp"

namespace convoy {
namespace {

// The longest side, and the largest activation and block of parameters. With these limits no
// product of sizes overflows, and a typing error does not allocate an absurd amount of memory.
constexpr Index kMaxSide = Index{1} << 24;
constexpr double kMaxActivation = 0x1p28;
constexpr double kMaxParameters = 0x1p30;

class Fitter {
 public:
  Fitter(const std::vector<Layer>& layers, int index)
      : layers_(layers), index_(index), layer_(layers[static_cast<std::size_t>(index)]) {}

  // The shape that the layer reads.
  Shape input(Shape net_input) const {
    const std::size_t wanted = std::holds_alternative<Add>(layer_.op) ? 2 : 1;
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

  void check(const Conv2d& op) const {
    require_positive("filters", op.filters);
    check_window("kernel", op.in, op.kernel, op.stride, op.padding);
    if (op.padding.height >= op.kernel.height || op.padding.width >= op.kernel.width) {
      fail("padding",
           fmt::format("padding {} is not smaller than the kernel", to_string(op.padding)),
           fmt::format("kernel {}: whole outputs would see zeros alone", to_string(op.kernel)),
           "use a padding of at most kernel - 1");
    }
    check_sizes(op.in, op.kernel, op.filters);
  }
  void check(const Subsample& op) const {
    check_window("size", op.in, op.kernel, op.stride, {0, 0});
  }
  void check(const Pool2d& op) const {
    check_window("size", op.in, op.kernel, op.stride, op.padding);
    if (2 * op.padding.height > op.kernel.height || 2 * op.padding.width > op.kernel.width) {
      fail("padding",
           fmt::format("padding {} is more than half of the window", to_string(op.padding)),
           fmt::format("size {}: whole windows would lie in the padding", to_string(op.kernel)),
           "use a padding of at most half of the size");
    }
  }
  void check(const Dense& op) const {
    require_positive("units", op.units);
    check_sizes({1, 1, op.in.size()}, {1, 1}, op.units);
  }
  void check(const Activation&) const {}
  void check(const Add&) const {}

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

  void require_positive(std::string_view key, Index value) const {
    if (value < 1 || value > kMaxSide) {
      fail(key, fmt::format("{} is {}", key, value), "", fmt::format("use 1 to {}", kMaxSide));
    }
  }

  void check_window(std::string_view key, Shape in, Extent kernel, Extent stride,
                    Extent padding) const {
    for (const Index side : {kernel.height, kernel.width}) require_positive(key, side);
    for (const Index side : {stride.height, stride.width}) require_positive("stride", side);
    for (const Index side : {padding.height, padding.width}) {
      if (side < 0 || side > kMaxSide) {
        fail("padding", fmt::format("padding is {}", side), "",
             fmt::format("use 0 to {}", kMaxSide));
      }
    }
    if (kernel.height > in.height + 2 * padding.height ||
        kernel.width > in.width + 2 * padding.width) {
      fail(key, fmt::format("{} {} is larger than its padded input", key, to_string(kernel)),
           fmt::format("it reads {} with padding {}", to_string(in), to_string(padding)),
           fmt::format("make {} smaller, or shrink the image less before this layer", key));
    }
  }

  void check_sizes(Shape in, Extent kernel, Index columns) const {
    const double parameters = static_cast<double>(kernel.height) *
                              static_cast<double>(kernel.width) * static_cast<double>(in.channels) *
                              static_cast<double>(columns);
    if (parameters > kMaxParameters) {
      fail("", fmt::format("it would have {:.0f} weights", parameters),
           fmt::format("at most {:.0f} a layer", kMaxParameters), "make the layer smaller");
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
      [&](auto& op) {
        op.in = in;
        fitter.check(op);
        fitter.check_output(output_shape(op));
      },
      layers[static_cast<std::size_t>(index)].op);
}

}  // namespace convoy
