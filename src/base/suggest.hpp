// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?" for names that a user mistyped.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace convoy {

// Returns the candidate nearest to `word` by edit distance (an exchange of neighbouring letters is
// one edit; case does not count), and the first of several equally near ones. Returns an empty text
// where no candidate is near enough to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// A remedy: "did you mean 'x'?", or "use one of a, b, c" where no candidate is near ("use 'a'"
// where there is one alone).
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// "a, b, c"
std::string joined(std::span<const std::string_view> names);

}  // namespace convoy
