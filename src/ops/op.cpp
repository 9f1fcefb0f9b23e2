// SPDX-License-Identifier: Apache-2.0
#include "ops/op.hpp"

namespace convoy {
namespace {

template <class... Ops>
consteval bool types_are_indexed(const std::variant<Ops...>* /*op*/) {
  return (check_traits<Ops>() && ...);
}
static_assert(types_are_indexed(static_cast<const Op*>(nullptr)),
              "type_index(op) of an operation is the index of the entry of `types` that has its "
              "settings");

// Calls a function with the operation and its traits.
template <class Function>
auto with_traits(const Op& op, const Function& function) {
  return std::visit([&]<class T>(const T& o) { return function(o, OpTraits<T>{}); }, op);
}

PassFlops flops(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.flops(o); });
}

}  // namespace

std::string_view type_name(const Op& op) {
  return with_traits(
      op, [](const auto& o, auto traits) { return traits.types[traits.type_index(o)].name; });
}

Shape input_shape(const Op& op) {
  return std::visit([](const auto& o) { return o.in; }, op);
}

Shape output_shape(const Op& op) {
  return std::visit([](const auto& o) { return output_shape(o); }, op);
}

std::size_t input_count(const Op& op) {
  return with_traits(op, [](const auto&, auto traits) { return traits.inputs; });
}

ParameterShape parameter_shape(const Op& op) {
  return std::visit(
      []<class T>(const T& o) {
        if constexpr (is_trainable_v<T>) {
          return OpTraits<T>::parameters(o);
        } else {
          return ParameterShape{};
        }
      },
      op);
}

std::vector<Index> weight_shape(const Op& op) {
  return std::visit(
      []<class T>(const T& o) -> std::vector<Index> {
        if constexpr (is_trainable_v<T>) {
          return OpTraits<T>::weight_shape(o);
        } else {
          return {};
        }
      },
      op);
}

std::span<const BufferTensor> buffers_of(const Op& op) {
  return with_traits(op, []<class Traits>(const auto&, Traits) {
    return std::span<const BufferTensor>(Traits::buffers);
  });
}

bool has_initializers(const Op& op) {
  return with_traits(op, [](const auto&, auto traits) { return traits.has_initializers; });
}

float initial_weight(const Op& op) {
  return with_traits(op, [](const auto&, auto traits) { return traits.initial_weight; });
}

Index forward_units(const Op& op, Index samples) {
  return with_traits(op, [=](const auto& o, auto traits) {
    return unit_count(traits.forward_units, output_shape(o), samples);
  });
}

Index input_gradient_units(const Op& op, Index samples) {
  return with_traits(op, [=](const auto& o, auto traits) {
    return unit_count(traits.input_gradient_units, o.in, samples);
  });
}

UnitLayout forward_layout(const Op& op, Index samples) {
  return with_traits(op, [=](const auto& o, auto traits) {
    return layout_of(traits.forward_units, output_shape(o), samples);
  });
}

UnitLayout input_gradient_layout(const Op& op, Index samples) {
  return with_traits(op, [=](const auto& o, auto traits) {
    return layout_of(traits.input_gradient_units, o.in, samples);
  });
}

bool keeps_argmax(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.keeps_argmax(o); });
}

bool works_in_place(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.works_in_place(o); });
}

bool reads_own_input(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.reads_own_input(o); });
}

bool reads_own_output(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.reads_own_output(o); });
}

bool runs_on_cuda(const Op& op) {
  return with_traits(op, [](const auto&, auto traits) { return traits.runs_on_cuda; });
}

Index packed_size(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.packed_size(o); });
}

Index scratch_size(const Op& op) {
  return with_traits(op, [](const auto& o, auto traits) { return traits.scratch_size(o); });
}

Index forward_flops(const Op& op) {
  return flops(op).forward;
}
Index input_gradient_flops(const Op& op) {
  return flops(op).input_gradient;
}
Index weight_gradient_flops(const Op& op) {
  return flops(op).weight_gradient;
}

}  // namespace convoy
