// SPDX-License-Identifier: Apache-2.0
// Measures how deeply a TOML document is nested, on its text before it is parsed. (Internal to
// net/.)
#pragma once

#include <optional>
#include <string_view>

namespace convoy {

// Returns the line (from 1) on which the text is nested more deeply than kDeepestNesting; empty
// where no line is. A level is an array, an inline table, a part of the header above the line, or a
// part of a dotted key before its last one. No key or header may have more parts than the limit,
// either. Brackets and dots in strings and comments do not count.
//
// The result is exact for TOML. For other text it is right up to the first character that every
// parser rejects.
std::optional<int> line_nested_too_deeply(std::string_view text);

}  // namespace convoy
