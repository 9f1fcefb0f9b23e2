// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace convoy {

// The first key in which the texts of two normalised models differ: "train.seed is 1, not 2". Empty
// if they are equal.
std::string setting_difference(std::string_view begun, std::string_view asked);

}  // namespace convoy
