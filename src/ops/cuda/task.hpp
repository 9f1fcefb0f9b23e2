// SPDX-License-Identifier: Apache-2.0
// The tasks of which a pass consists on a GPU. The host prepares them once (lower.hpp), and a
// kernel runs them in every step (run_task.cuh). Between two tasks all threads that share them pass
// a barrier; within a task only the lanes of a warp wait for each other.
//
// Tasks are plain data. They are the same for one sample in the shared memory of a block and for a
// batch in the memory of the device; the launch gives the pointers.
#pragma once

#include <tuple>
#include <variant>

#include "ops/cuda/operations.cuh"
#include "ops/cuda/product.hpp"

namespace convoy::cuda {

// Whether an operation has kernels of its own (product.hpp).
template <class OpType>
concept HasKernels = requires(const OpType& op) {
  in_32_bits(op);
};

// The variant of the 32-bit forms of all operations with kernels.
template <class OpType>
auto form_of() {
  if constexpr (HasKernels<OpType>) {
    return std::tuple<decltype(in_32_bits(std::declval<const OpType&>()))>{};
  } else {
    return std::tuple<>{};
  }
}
template <class... Forms>
std::variant<Forms...> variant_of(std::tuple<Forms...>);
template <class... Ops>
auto forms_of(const std::variant<Ops...>*)
    -> decltype(variant_of(std::tuple_cat(form_of<Ops>()...)));
using Form = decltype(forms_of(static_cast<const Op*>(nullptr)));

// A pass of such an operation, or its weight gradient by segments.
enum class PassKind : int { forward, input_gradient, weight_gradient };
struct Pass {
  PassKind kind = PassKind::forward;
  Form op;
  Operand x, other, parameters, y, argmax, dy, dx, partials;
  int layer = 0;  // number in the net
};

using Task = std::variant<Product, Border, Pass, Copy, GrainStatistics>;

}  // namespace convoy::cuda
