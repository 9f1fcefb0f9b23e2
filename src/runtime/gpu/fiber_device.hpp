// SPDX-License-Identifier: Apache-2.0
// The GPU that fibers play: what a test can choose and see of it. One for each of the host's
// threads.
#pragma once

#include <functional>

#include "runtime/gpu/gpu.hpp"

namespace convoy::gpu {

struct FiberDevice {
  Facts facts{"fibers", 0, 3, 64, Index{96} << 10, Index{1} << 30};
  std::function<void()> before_launch;
  int writes_beyond = 0;  // bytes behind a piece of memory that somebody changed
};
FiberDevice& fiber_device();

}  // namespace convoy::gpu
