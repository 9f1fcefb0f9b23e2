// SPDX-License-Identifier: Apache-2.0
// An operation: one of the plain structs. All that a plan needs to know about it follows from what
// its header states (op_traits.hpp): shapes, parameters, the units of output into which each pass
// can be divided, and memory.
//
// The units of forward and of the input gradient are Units of y and of dx. Those of a weight
// gradient are the rows of the parameter block, each weight row [tap][columns], then the bias: unit
// u writes elements [u * columns, (u + 1) * columns).
#pragma once

#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "ops/activation.hpp"
#include "ops/add.hpp"
#include "ops/batch_norm2d.hpp"
#include "ops/conv2d.hpp"
#include "ops/dense.hpp"
#include "ops/dropout.hpp"
#include "ops/flatten.hpp"
#include "ops/op_traits.hpp"
#include "ops/pool2d.hpp"
#include "ops/subsample.hpp"

namespace convoy {

using Op =
    std::variant<Conv2d, Subsample, Pool2d, Dense, BatchNorm2d, Activation, Dropout, Add, Flatten>;

// Calls function.template operator()<T>() for each operation T of the variant, in its order.
template <class Function>
constexpr void for_each_op(const Function& function) {
  [&]<class... Ops>(const std::variant<Ops...>*) {
    (function.template operator()<Ops>(), ...);
  }(static_cast<const Op*>(nullptr));
}

std::string_view type_name(const Op& op);  // as in a model file: "conv2d", "max_pool2d", "relu" ...
Shape input_shape(const Op& op);
Shape output_shape(const Op& op);
std::size_t input_count(const Op& op);  // layers that it reads
ParameterShape parameter_shape(const Op& op);
std::vector<Index> weight_shape(const Op& op);  // of the weight's tensor; empty: no parameters
std::span<const BufferTensor> buffers_of(const Op& op);
bool has_initializers(const Op& op);
float initial_weight(const Op& op);  // where it has no initialisers

Index forward_units(const Op& op, Index samples);
Index input_gradient_units(const Op& op, Index samples);
inline Index weight_gradient_units(const Op& op) {
  return parameter_shape(op).rows();
}
UnitLayout forward_layout(const Op& op, Index samples);
UnitLayout input_gradient_layout(const Op& op, Index samples);

bool keeps_argmax(const Op& op);      // needs Forward::argmax
bool works_in_place(const Op& op);    // y may be x, and dx may be dy
bool reads_own_input(const Op& op);   // the input gradient reads x
bool reads_own_output(const Op& op);  // the input gradient reads y
bool runs_on_cuda(const Op& op);
Index packed_size(const Op& op);   // elements that pack() writes
Index scratch_size(const Op& op);  // elements of private scratch that a pass may use

// Per sample. A multiply-add counts as two operations; other operations do not count.
Index forward_flops(const Op& op);
Index input_gradient_flops(const Op& op);
Index weight_gradient_flops(const Op& op);

}  // namespace convoy
