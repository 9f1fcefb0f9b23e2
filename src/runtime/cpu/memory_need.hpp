// SPDX-License-Identifier: Apache-2.0
// Whether the memory that an engine is about to take fits into what control groups allow (a batch
// system's or a container's limit). Past that limit the kernel kills a process, which can say
// nothing; so it is compared beforehand.
#pragma once

#include <cstdint>
#include <optional>

#include "base/memory.hpp"
#include "optim/sgd.hpp"
#include "runtime/cpu/layout.hpp"

namespace convoy {

// In bytes. The large parts alone: what a run takes is a little more.
struct MemoryNeed {
  Index node = 0;  // that the ranks of a node share: weights, optimizer state, gradients
  Index rank = 0;  // of each rank: activations and copies of some for all its workers
};
MemoryNeed memory_need(const Plan& plan, const Sgd& optimizer, const Layout& layout,
                       const Communicator& communicator);

// Throws UserError(unavailable) where all ranks of this machine together need more than `limit`.
void check_memory(const MemoryNeed& need, const MemoryHeld& held, const Communicator& communicator,
                  std::optional<std::uint64_t> limit);

}  // namespace convoy
