// SPDX-License-Identifier: Apache-2.0
// The GPU that fibers simulate: what a test can set and read. Each thread of the host has its own.
#pragma once

#include <functional>

#include "runtime/gpu/gpu.hpp"

namespace convoy::gpu {

struct FiberDevice {
  Facts facts{"fibers", 0, 3, 64, Index{96} << 10, Index{1} << 30};
  std::function<void()> before_launch;
  int writes_beyond = 0;  // bytes after an allocation that a kernel changed
};
FiberDevice& fiber_device();

}  // namespace convoy::gpu
