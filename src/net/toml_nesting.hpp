// SPDX-License-Identifier: Apache-2.0
// How deeply a TOML document is nested, counted on its text before anything parses it. (Internal to
// net/.)
#pragma once

#include <optional>
#include <string_view>

namespace convoy {

// The line (from 1) on which the text goes deeper than kDeepestNesting; none where it never does.
// A level is an array, an inline table, a part of the header that a line stands under, or a part of
// a dotted key before its last; and no key or header may have more parts than that. Brackets and
// dots in strings and comments do not count.
//
// Exact for TOML. Of other text it is right as far as the first place that no parser gets past.
std::optional<int> line_nested_too_deeply(std::string_view text);

}  // namespace convoy
