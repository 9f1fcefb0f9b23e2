// SPDX-License-Identifier: Apache-2.0
// Calls a function with the operation that a variant holds, where it is of a certain kind.
#pragma once

#include <type_traits>

#include "base/check.hpp"
#include "ops/op.hpp"

namespace convoy {

template <class T>
inline constexpr bool is_trainable_v =
    std::is_same_v<T, Conv2d> || std::is_same_v<T, Subsample> || std::is_same_v<T, Dense>;

// Calls it with an operation that has parameters; the variant must hold one.
template <class Function>
void visit_trainable(const Function& function, const Op& op) {
  std::visit(
      [&](const auto& o) {
        if constexpr (is_trainable_v<std::decay_t<decltype(o)>>) {
          function(o);
        } else {
          CONVOY_ASSERT(false);
        }
      },
      op);
}

}  // namespace convoy
