// SPDX-License-Identifier: Apache-2.0
// What an operation states about itself. Its header specialises OpTraits for its struct, and the
// functions of op.hpp, the reader of model files, the checks of a net, `convoy info` and the
// engines follow from that:
//
//   template <>
//   struct OpTraits<Dense> : OpDefaults<Dense> { ... };
//
// An operation has to state
//
//   types                  its names in a model file (ModelFileType), in the order of messages
//   forward_units          how outputs are divided into units (Units)
//   input_gradient_units   how dx is
//   flops(op)              see PassFlops; of one sample
//   visit_keys(op, visit)  its keys in a model file: visit(key, field, usual, limits) for each, in
//                          the order in which they are read and checked. `usual` is the value of a
//                          missing key, or Required. A field is an Index or an Extent (limits: an
//                          IndexRange), a double (an Interval), or a bool (no limits).
//
// An operation with parameters also states
//
//   parameters(op)         the shape of the block; with it the operation is trainable
//   weight_shape(op)       of the weight's tensor in a file; OpDefaults has [taps][columns]
//
// and each may replace what OpDefaults has. All functions are pure.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/interval.hpp"
#include "base/tensor.hpp"

namespace convoy {

// Columns of a unit of a dense or elementwise pass. The number is a constant, so that the division
// into units never depends on a vector's width.
inline constexpr Index kColumnBlock = 16;

// What a unit of a pass writes, of outputs [samples][height][width][channels].
enum class Units {
  pixels,    // all channels of one pixel (sample, row, column), in the order of memory
  elements,  // kColumnBlock elements of the flat array over all samples, in order
  columns,   // kColumnBlock elements of one sample: (block of columns, sample), samples fastest
};

// How units lie in memory: `length` elements each, one after the other; or (Units::columns) as
// blocks of kColumnBlock of the `columns` of each sample.
struct UnitLayout {
  Index length = 0;
  Index columns = 0;  // 0: units lie one after the other
  Index total = 0;    // elements of all samples
};

constexpr UnitLayout layout_of(Units units, const Shape& shape, Index samples) {
  const Index total = shape.size() * samples;
  switch (units) {
    case Units::pixels:
      return {shape.channels, 0, total};
    case Units::elements:
      return {kColumnBlock, 0, total};
    case Units::columns:
      break;
  }
  return {0, shape.size(), total};
}

constexpr Index unit_count(Units units, const Shape& shape, Index samples) {
  const auto blocks_of = [](Index elements) {
    return (elements + kColumnBlock - 1) / kColumnBlock;
  };
  switch (units) {
    case Units::pixels:
      return shape.height * shape.width * samples;
    case Units::elements:
      return blocks_of(shape.size() * samples);
    case Units::columns:
      break;
  }
  return blocks_of(shape.size()) * samples;
}

// The floating-point operations of each pass for one sample. A multiply-add counts as two; other
// operations do not count.
struct PassFlops {
  Index forward = 0;
  Index input_gradient = 0;
  Index weight_gradient = 0;
};

// Those of a product: each gradient has as many multiply-adds as the forward pass.
constexpr PassFlops flops_of_product(Index multiply_adds) {
  return {2 * multiply_adds, 2 * multiply_adds, 2 * multiply_adds};
}

// A parameter block: `taps` weight rows of `columns`, then a bias row where there is one.
// fan_in and fan_out are those of the initialisers (Glorot and Bengio 2010).
struct ParameterShape {
  Index taps = 0;
  Index columns = 0;
  bool bias = false;
  Index fan_in = 0;
  Index fan_out = 0;
  // Whether all columns are functions of the same inputs, so that the weights are the matrix of a
  // linear map. (Muon updates matrices as a whole.)
  bool is_map = true;

  constexpr Index weights() const { return taps * columns; }
  constexpr Index rows() const { return taps + (bias ? 1 : 0); }
  constexpr Index size() const { return rows() * columns; }
};

// A buffer, and what each of its numbers begins with.
struct BufferTensor {
  std::string_view name;  // after the layer's name: "running_mean"
  float initial = 0;
};

// The `type` of a layer in a model file, from which its settings begin. Layers without a name are
// called by the short name and a number.
template <class Op>
struct ModelFileType {
  std::string_view name;
  std::string_view short_name;
  Op settings = {};
};

// Of sides, strides, and numbers of channels or units; with these limits no product of two of them
// overflows, and a typing error does not allocate an absurd amount of memory.
inline constexpr Index kMaxSide = Index{1} << 24;
inline constexpr IndexRange kPositiveSide{1, kMaxSide};
inline constexpr IndexRange kAnySide{0, kMaxSide};

// Stands for the usual value of a key that a model file has to have.
struct Required {
  std::string_view example;          // the line that the message advises to add
  std::string_view other_name = {};  // by which the file may call the key instead
};

// The type of an operation's traits. It is empty for an operation without a header of its own.
template <class Op>
struct OpTraits {};

template <class Op>
concept TrainableOp = requires(const Op& op) {
  { OpTraits<Op>::parameters(op) } -> std::same_as<ParameterShape>;
};
template <class Op>
inline constexpr bool is_trainable_v = TrainableOp<Op>;

// What most operations have.
template <class Op>
struct OpDefaults {
  // For an operation with parameters: whether it has a weight gradient of each grain, which the
  // tree adds up. (Those of a batch normalisation come out of a reduction over the batch.)
  static constexpr bool has_weight_gradient = true;
  // And whether a model file may choose how the parameters are initialised.
  static constexpr bool has_initializers = true;
  // If not: what each weight begins with; biases begin with 0.
  static constexpr float initial_weight = 0;
  // Tensors of [columns] that steps of training write, and no gradient (Net::tensors()).
  static constexpr std::array<BufferTensor, 0> buffers = {};

  // The layers that it reads, all of one shape.
  static constexpr std::size_t inputs = 1;
  // Whether it has kernels or products for a GPU (ops/cuda/operations). If not, a net with it is
  // refused when it is prepared for a GPU.
  static constexpr bool runs_on_cuda = true;

  // Which of `types` an operation is.
  static constexpr std::size_t type_index(const Op& /*op*/) { return 0; }

  // Of an operation with parameters alone. (No `requires` says so: it would be evaluated while the
  // traits of the operation are not complete yet.)
  static std::vector<Index> weight_shape(const Op& op) {
    const ParameterShape shape = OpTraits<Op>::parameters(op);
    return {shape.taps, shape.columns};
  }

  // Whether forward writes Forward::argmax, which the gradients read.
  static constexpr bool keeps_argmax(const Op& /*op*/) { return false; }
  // Whether y may be x, and dx may be dy.
  static constexpr bool works_in_place(const Op& /*op*/) { return false; }
  // Whether the input gradient reads x.
  static constexpr bool reads_own_input(const Op& /*op*/) { return false; }
  // Whether the input gradient reads y.
  static constexpr bool reads_own_output(const Op& /*op*/) { return false; }
  // Elements that pack() writes, and of private scratch that a pass may use.
  static constexpr Index packed_size(const Op& /*op*/) { return 0; }
  static constexpr Index scratch_size(const Op& /*op*/) { return 0; }

  // Sets what follows from the shape of the input, op.in.
  static constexpr void fit(Op& /*op*/) {}

  // Calls fail(key, problem, why, remedy), which throws, where the operation does not fit its
  // input. The keys are within their limits here.
  template <class Fail>
  static void check(const Op& /*op*/, const Fail& /*fail*/) {}
};

template <class Op>
inline constexpr bool has_weight_gradient_v =
    is_trainable_v<Op>&& OpTraits<Op>::has_weight_gradient;

template <class Op>
concept StatesTypes = requires {
  { OpTraits<Op>::types.front() } -> std::convertible_to<ModelFileType<Op>>;
};
template <class Op>
concept StatesUnits = requires {
  { OpTraits<Op>::forward_units } -> std::convertible_to<Units>;
  { OpTraits<Op>::input_gradient_units } -> std::convertible_to<Units>;
};
template <class Op>
concept StatesFlops = requires(const Op& op) {
  { OpTraits<Op>::flops(op) } -> std::same_as<PassFlops>;
};
struct AnyVisitor {
  void operator()(std::string_view /*key*/, const auto& /*field*/, const auto& /*usual*/,
                  const auto&... /*limits*/) const {}
};
template <class Op>
concept StatesKeys = requires(Op& op, const Op& constant) {
  OpTraits<Op>::visit_keys(op, AnyVisitor{});
  OpTraits<Op>::visit_keys(constant, AnyVisitor{});
};

// Does not compile where an operation has not stated all that it has to.
template <class Op>
consteval bool check_traits() {
  static_assert(StatesTypes<Op>, "OpTraits of this operation must state `types`");
  static_assert(StatesUnits<Op>,
                "OpTraits of this operation must state `forward_units` and `input_gradient_units`");
  static_assert(StatesFlops<Op>, "OpTraits of this operation must state `flops(op)`");
  static_assert(StatesKeys<Op>, "OpTraits of this operation must state `visit_keys(op, visit)`");
  for (std::size_t i = 0; i < OpTraits<Op>::types.size(); ++i) {
    if (OpTraits<Op>::type_index(OpTraits<Op>::types[i].settings) != i) return false;
  }
  return true;
}

}  // namespace convoy
