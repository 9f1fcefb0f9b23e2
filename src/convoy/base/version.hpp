// SPDX-License-Identifier: Apache-2.0
// Which Convoy wrote a file, and whether its arithmetic is today's.
#pragma once

#include <string_view>

namespace convoy {

// The only place: CMakeLists.txt reads it from this line.
inline constexpr std::string_view kVersion = "0.1.0";

// Part of a run's identity: raised whenever an order of additions, a random draw or an elementary
// function changes, so that the same settings give other bits.
inline constexpr int kOrderVersion = 1;

}  // namespace convoy
