// SPDX-License-Identifier: Apache-2.0
// How deeply the values of a file may be nested. Parsers, and the code that walks over what they
// make, call themselves once per level; so without a limit a file would decide how much stack they
// use.
#pragma once

namespace convoy {

inline constexpr int kDeepestNesting = 64;  // of tables, arrays and objects

}  // namespace convoy
