// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convoy::gpu {

// Whether a loop of launches runs once more (runtime.hpp): on a GPU a handle of its graph, for
// fibers the address of a bool.
using Condition = unsigned long long;

}  // namespace convoy::gpu
