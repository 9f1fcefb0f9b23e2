// SPDX-License-Identifier: Apache-2.0
// How deeply values of a file may lie within each other. Parsers, and all that walks over what they
// make, call themselves for each level, so a file that decides how deep it goes decides how much
// stack that takes.
#pragma once

namespace convoy {

inline constexpr int kDeepestNesting = 64;  // of tables, arrays and objects

}  // namespace convoy
