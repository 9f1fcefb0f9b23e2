// SPDX-License-Identifier: Apache-2.0
#include "ops/cuda/lower.hpp"

#include <string>

#include "base/check.hpp"

namespace convoy::cuda {
namespace {

template <class OpType>
concept HasProducts = requires(const OpType& op, const Operands& at, const Work& work) {
  lower_forward(op, at, work);
  lower_input_gradient(op, at, work);
};

template <class OpType>
concept HasWeightGradientProducts = requires(const OpType& op, const Operands& at,
                                             const Work& work) {
  lower_weight_gradient(op, at, work);
};
template <class OpType>
concept HasWeightGradientKernel = requires(const OpType& op, const float* x, float* partials,
                                           const Samples& samples, const Group& group) {
  weight_gradient(in_32_bits(op), x, x, partials, 0, samples, group);
};
template <class OpType>
concept HasPartials = requires(const OpType& op, const Work& work) {
  gradient_partials(op, work);
};

template <class OpType>
consteval bool is_told_truly() {
  static_assert(OpTraits<OpType>::runs_on_cuda == (HasProducts<OpType> || HasKernels<OpType>),
                "an operation has products or kernels (ops/cuda/product.hpp), unless its OpTraits "
                "state runs_on_cuda = false");
  static_assert(
      !HasKernels<OpType> || !has_weight_gradient_v<OpType> || HasWeightGradientKernel<OpType>,
      "an operation with kernels and a weight gradient has a kernel for that, too");
  static_assert(
      HasPartials<OpType> == (HasWeightGradientProducts<OpType> || HasWeightGradientKernel<OpType>),
      "an operation states gradient_partials where its weight gradient is computed here");
  return true;
}
template <class... Ops>
consteval bool are_told_truly(const std::variant<Ops...>* /*op*/) {
  return (is_told_truly<Ops>() && ...);
}
static_assert(are_told_truly(static_cast<const Op*>(nullptr)));

[[noreturn]] void refuse(const Op& op) {
  throw UserError(Fault::unavailable, "--device cuda is not available for this net",
                  "layers of type " + std::string(type_name(op)) + " have no code for a GPU",
                  "use --device cpu");
}

Steps steps_of(const ProductSteps& products) {
  Steps steps;
  for (const ProductStep& step : products) {
    std::visit([&](const auto& task) { steps.push_back({task, step.barrier_after}); }, step.task);
  }
  return steps;
}

template <class OpType>
Steps kernel_steps(PassKind kind, const OpType& op, const Operands& at) {
  return {{Pass{kind, in_32_bits(op), at.x, at.other, at.parameters, at.y, at.argmax, at.dy, at.dx,
                at.partials, at.layer}}};
}

}  // namespace

Steps forward(const Op& op, const Operands& operands, const Work& work) {
  return std::visit(
      [&]<class T>(const T& o) -> Steps {
        if constexpr (HasProducts<T>) {
          return steps_of(lower_forward(o, operands, work));
        } else if constexpr (HasKernels<T>) {
          return kernel_steps(PassKind::forward, o, operands);
        } else {
          refuse(op);
        }
      },
      op);
}

Steps input_gradient(const Op& op, const Operands& operands, const Work& work) {
  return std::visit(
      [&]<class T>(const T& o) -> Steps {
        if constexpr (HasProducts<T>) {
          return steps_of(lower_input_gradient(o, operands, work));
        } else if constexpr (HasKernels<T>) {
          return kernel_steps(PassKind::input_gradient, o, operands);
        } else {
          refuse(op);
        }
      },
      op);
}

Steps weight_gradient(const Op& op, const Operands& operands, const Work& work) {
  return std::visit(
      [&]<class T>(const T& o) -> Steps {
        if constexpr (HasWeightGradientProducts<T>) {
          return steps_of(lower_weight_gradient(o, operands, work));
        } else if constexpr (HasWeightGradientKernel<T>) {
          return kernel_steps(PassKind::weight_gradient, o, operands);
        } else {
          refuse(op);
        }
      },
      op);
}

Partials partials_of(const Op& op, const Work& work) {
  return std::visit(
      [&]<class T>(const T& o) -> Partials {
        if constexpr (HasPartials<T>) {
          return gradient_partials(o, work);
        } else {
          CONVOY_ASSERT(false);
          return {};
        }
      },
      op);
}

Index bordered_x_size(const Op& op) {
  const auto* conv = std::get_if<Conv2d>(&op);
  return conv == nullptr ? 0 : x_border_size(*conv);
}

Index bordered_dy_size(const Op& op) {
  const auto* conv = std::get_if<Conv2d>(&op);
  return conv == nullptr ? 0 : dy_border_size(*conv);
}

}  // namespace convoy::cuda
