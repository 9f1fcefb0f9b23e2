// SPDX-License-Identifier: Apache-2.0
// An operation: one of the plain structs. All that a plan needs to know about it is a function of
// the struct: shapes, parameters, the number of units of output into which each pass can be
// divided, and memory.
//
// Units of a pass, in the order of the outputs in memory unless stated otherwise:
//   forward          Conv2d, Subsample, Pool2d: pixels (sample, row, column), all channels.
//                    Dense: (block of kColumnBlock columns, sample). Activation, Add: the same
//                    blocks of the flat array, over all samples.
//   input gradient   likewise, of dx. Dense: blocks of dx's columns.
//   weight gradient  rows of the parameter block: each weight row [tap][columns], then the bias.
//                    Unit u writes elements [u * columns, (u + 1) * columns).
#pragma once

#include <string_view>
#include <variant>

#include "ops/activation.hpp"
#include "ops/add.hpp"
#include "ops/conv2d.hpp"
#include "ops/dense.hpp"
#include "ops/pool2d.hpp"
#include "ops/subsample.hpp"

namespace convoy {

using Op = std::variant<Conv2d, Subsample, Pool2d, Dense, Activation, Add>;

// Columns of a unit of a dense or elementwise pass. The number is a constant, so that the division
// into units never depends on a vector's width.
inline constexpr Index kColumnBlock = 16;

// A parameter block: `taps` weight rows of `columns`, then a bias row where there is one.
// fan_in and fan_out are those of the initialisers (Glorot and Bengio 2010).
struct ParameterShape {
  Index taps = 0;
  Index columns = 0;
  bool bias = false;
  Index fan_in = 0;
  Index fan_out = 0;

  constexpr Index weights() const { return taps * columns; }
  constexpr Index rows() const { return taps + (bias ? 1 : 0); }
  constexpr Index size() const { return rows() * columns; }
};

std::string_view type_name(const Op& op);  // as in a model file: "conv2d", "max_pool2d", "relu" ...
Shape input_shape(const Op& op);
Shape output_shape(const Op& op);
ParameterShape parameter_shape(const Op& op);

Index forward_units(const Op& op, Index samples);
Index input_gradient_units(const Op& op, Index samples);
inline Index weight_gradient_units(const Op& op) {
  return parameter_shape(op).rows();
}

bool keeps_argmax(const Op& op);    // needs Forward::argmax
bool works_in_place(const Op& op);  // y may be x, and dx may be dy
Index packed_size(const Op& op);    // elements that pack() writes
Index scratch_size(const Op& op);   // elements of private scratch that a pass may use

// Per sample. A multiply-add counts as two operations; other operations do not count.
Index forward_flops(const Op& op);
Index input_gradient_flops(const Op& op);
Index weight_gradient_flops(const Op& op);

}  // namespace convoy
