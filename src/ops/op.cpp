// SPDX-License-Identifier: Apache-2.0
#include "ops/op.hpp"

#include "ops/padding.hpp"
#include "ops/thin_conv.hpp"

namespace convoy {
namespace {

// One function object made of several lambdas, for std::visit.
template <class... Functions>
struct Overload : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overload(Functions...) -> Overload<Functions...>;

constexpr Index blocks_of(Index columns) {
  return (columns + kColumnBlock - 1) / kColumnBlock;
}
constexpr Index pixels(Shape shape) {
  return shape.height * shape.width;
}

// The multiply-adds of a forward pass, one for each tap of each output. Each gradient pass has the
// same number.
Index multiply_adds(const Op& op) {
  return std::visit(
      Overload{
          [](const Conv2d& o) { return output_shape(o).size() * o.kernel.area() * o.in.channels; },
          [](const Subsample& o) { return output_shape(o).size() * o.kernel.area(); },
          [](const Dense& o) { return o.in.size() * o.units; },
          [](const auto&) { return Index{0}; },
      },
      op);
}

}  // namespace

std::string_view type_name(const Op& op) {
  return std::visit(Overload{
                        [](const Conv2d&) -> std::string_view { return "conv2d"; },
                        [](const Subsample&) -> std::string_view { return "subsample"; },
                        [](const Pool2d& o) -> std::string_view {
                          return o.pooling == Pooling::max ? "max_pool2d" : "average_pool2d";
                        },
                        [](const Dense&) -> std::string_view { return "dense"; },
                        [](const Activation& o) -> std::string_view {
                          switch (o.function) {
                            case ActivationFunction::sigmoid:
                              return "sigmoid";
                            case ActivationFunction::tanh:
                              return "tanh";
                            case ActivationFunction::relu:
                              break;
                          }
                          return "relu";
                        },
                        [](const Add&) -> std::string_view { return "add"; },
                    },
                    op);
}

Shape input_shape(const Op& op) {
  return std::visit([](const auto& o) { return o.in; }, op);
}

Shape output_shape(const Op& op) {
  return std::visit([](const auto& o) { return output_shape(o); }, op);
}

ParameterShape parameter_shape(const Op& op) {
  return std::visit(
      Overload{
          [](const Conv2d& o) {
            const Index area = o.kernel.area();
            return ParameterShape{area * o.in.channels, o.filters, o.bias, area * o.in.channels,
                                  area * o.filters};
          },
          [](const Subsample& o) {
            const Index area = o.kernel.area();
            return ParameterShape{area, o.shared ? 1 : o.in.channels, o.bias, area, area};
          },
          [](const Dense& o) {
            return ParameterShape{o.in.size(), o.units, o.bias, o.in.size(), o.units};
          },
          [](const auto&) { return ParameterShape{}; },
      },
      op);
}

Index forward_units(const Op& op, Index samples) {
  return std::visit(Overload{
                        [=](const Dense& o) { return blocks_of(o.units) * samples; },
                        [=](const Activation& o) { return blocks_of(o.in.size() * samples); },
                        [=](const Add& o) { return blocks_of(o.in.size() * samples); },
                        [=](const auto& o) { return pixels(output_shape(o)) * samples; },
                    },
                    op);
}

Index input_gradient_units(const Op& op, Index samples) {
  return std::visit(Overload{
                        [=](const Dense& o) { return blocks_of(o.in.size()) * samples; },
                        [=](const Activation& o) { return blocks_of(o.in.size() * samples); },
                        [=](const Add& o) { return blocks_of(o.in.size() * samples); },
                        [=](const auto& o) { return pixels(o.in) * samples; },
                    },
                    op);
}

bool keeps_argmax(const Op& op) {
  const auto* pool = std::get_if<Pool2d>(&op);
  return pool != nullptr && pool->pooling == Pooling::max;
}

bool works_in_place(const Op& op) {
  return std::holds_alternative<Activation>(op);
}

Index forward_flops(const Op& op) {
  return 2 * multiply_adds(op);
}
Index input_gradient_flops(const Op& op) {
  return 2 * multiply_adds(op);
}
Index weight_gradient_flops(const Op& op) {
  return 2 * multiply_adds(op);
}

Index packed_size(const Op& op) {
  // The transposed weights for the input gradient.
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Dense>(op)
             ? parameter_shape(op).weights()
             : 0;
}

Index scratch_size(const Op& op) {
  const auto* conv = std::get_if<Conv2d>(&op);
  if (!conv) return 0;
  const Index bordered = std::max({input_border(*conv).around(conv->in).size(),
                                   input_gradient_scratch_size(*conv), narrow_scratch_size(*conv)});
  return std::max(bordered, thin_scratch_size(*conv));
}

}  // namespace convoy
