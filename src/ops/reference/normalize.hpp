// SPDX-License-Identifier: Apache-2.0
// The executable specification of normalize.hpp.
#pragma once

#include "ops/normalize.hpp"

namespace convoy::reference {

inline void normalize(const Normalize& op, Index size, const std::uint8_t* bytes, float* x) {
  const float* table = op.table.data();
  for (Index i = 0; i < size; ++i) x[i] = table[i % op.channels * Normalize::kBytes + bytes[i]];
}

}  // namespace convoy::reference
