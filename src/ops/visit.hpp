// SPDX-License-Identifier: Apache-2.0
// Calls a function with the operation that a variant holds, where it is one of a kind.
#pragma once

#include <type_traits>

#include "base/check.hpp"
#include "ops/op.hpp"

namespace convoy {

template <class T>
inline constexpr bool is_trainable_v =
    std::is_same_v<T, Conv2d> || std::is_same_v<T, Subsample> || std::is_same_v<T, Dense>;

// Operations with parameters; others must not come here.
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
