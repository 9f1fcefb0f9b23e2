// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?" for names that a user mistyped.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace convoy {

// The candidate nearest to `word` by edit distance (an exchange of neighbours is one edit; case
// does not count); of equals the first. Empty where none is near enough to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// A remedy: "did you mean 'x'?", or "use one of a, b, c" where nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// "a, b, c"
std::string joined(std::span<const std::string_view> names);

}  // namespace convoy
