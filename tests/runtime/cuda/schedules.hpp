// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "runtime/gpu/fibers.hpp"
#include "tests/ops/random_ops.hpp"

namespace convoy::test {

// Orders in which the threads of a grid run.
inline std::vector<fibers::Schedule> schedules() {
  using Order = fibers::Schedule::Order;
  return {{Order::forward, 1, ""},
          {Order::backward, 1, ""},
          {Order::shuffled, 1, ""},
          {Order::shuffled, 2, ""}};
}

inline fibers::Schedule random_schedule(Random& random) {
  return {static_cast<fibers::Schedule::Order>(random.pick(0, 2)),
          static_cast<std::uint64_t>(random.pick(1, 1 << 30)), ""};
}

}  // namespace convoy::test
