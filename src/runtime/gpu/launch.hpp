// SPDX-License-Identifier: Apache-2.0
// Definitions that kernels and the code that launches them share.
#pragma once

namespace convoy::gpu {

// Says whether a loop of launches runs once more (gpu.hpp): on a GPU a handle of its graph, with
// fibers the address of a bool.
using Condition = unsigned long long;

// The most threads of a block of any kernel; a block's registers suffice for this number.
inline constexpr int kMostThreads = 512;

}  // namespace convoy::gpu
