// SPDX-License-Identifier: Apache-2.0
// How much memory this process holds, and whether its control group allows more. The kernel kills a
// process that exceeds the group's limit, and a killed process cannot report why; so the limit is
// checked before memory is taken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/tensor.hpp"

namespace convoy {

// The memory that this process holds already, data included, according to /proc; 0 where that is
// not known. The ranks of a memory domain hold `shared` in common.
struct MemoryHeld {
  Index own = 0;
  Index shared = 0;
};
MemoryHeld memory_held();

// Throws UserError(unavailable) where the control group does not allow this process to hold `bytes`
// more. `what` begins the message ("the images of FILE"). The check is a lower bound: it does not
// count the memory that other processes of the group hold.
void check_room(std::uint64_t bytes, std::string_view what);

// "1.2 GB", "34 MB"
std::string memory_in_words(Index bytes);

}  // namespace convoy
