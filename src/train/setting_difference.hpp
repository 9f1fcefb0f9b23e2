// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace convoy {

// The first key in which two normalised models' texts differ, in words: "train.seed is 1, not 2".
// Empty where they are equal.
std::string setting_difference(std::string_view begun, std::string_view asked);

}  // namespace convoy
