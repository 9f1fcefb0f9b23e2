// SPDX-License-Identifier: Apache-2.0
// What those who launch kernels and those who write them agree on.
#pragma once

namespace convoy::gpu {

// Whether a loop of launches runs once more (gpu.hpp): on a GPU a handle of its graph, for
// fibers the address of a bool.
using Condition = unsigned long long;

// The most threads of a block that any kernel is launched with: its registers suffice for so many.
inline constexpr int kMostThreads = 512;

}  // namespace convoy::gpu
