// SPDX-License-Identifier: Apache-2.0
// Which version of Convoy wrote a file, and whether its arithmetic is the same as today's.
#pragma once

#include <string_view>

#include "convoy/version.hpp"

namespace convoy {

inline constexpr std::string_view kVersion = CONVOY_VERSION_STRING;

// Part of a run's identity. It is raised whenever an order of additions, a random draw or an
// elementary function changes so that the same settings give other bits.
inline constexpr int kOrderVersion = 1;

}  // namespace convoy
