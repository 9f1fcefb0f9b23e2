// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <fmt/format.h>

#include "runtime/gpu/fibers.hpp"
#include "tests/runtime/runs.hpp"

namespace convoy::test {

inline RunLayout on_gpu(Launching launching, Index steps_per_launch = 0) {
  RunLayout layout;
  layout.device = Device::cuda;
  layout.launching = launching;
  layout.steps_per_launch = steps_per_launch;
  return layout;
}

inline std::string describe(Launching launching, const fibers::Schedule& schedule) {
  return fmt::format("launching {}, order {}, seed {}", static_cast<int>(launching),
                     static_cast<int>(schedule.order), schedule.seed);
}

}  // namespace convoy::test
