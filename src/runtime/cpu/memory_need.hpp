// SPDX-License-Identifier: Apache-2.0
// Checks whether the memory that an engine is about to allocate fits into the limit of the control
// groups (set by a batch system or a container). Beyond that limit the kernel kills the process
// without a message, so the check comes first.
#pragma once

#include <cstdint>
#include <optional>

#include "base/memory.hpp"
#include "optim/optimizer.hpp"
#include "runtime/cpu/layout.hpp"

namespace convoy {

// In bytes. It counts the large parts alone; a run takes a little more.
struct MemoryNeed {
  Index domain = 0;  // shared by a memory domain: weights, optimizer state, gradients
  Index rank = 0;    // of each rank: activations, and copies of some, of all its workers
};
MemoryNeed memory_need(const Plan& plan, const NetOptimizer& optimizer, const Layout& layout,
                       const Communicator& communicator);

// Throws UserError(unavailable) where all ranks of this host together need more than `limit`.
void check_memory(const MemoryNeed& need, const MemoryHeld& held, const Communicator& communicator,
                  std::optional<std::uint64_t> limit);

}  // namespace convoy
