// SPDX-License-Identifier: Apache-2.0
// What this process holds of the memory that it may use. Past a control group's limit the kernel
// kills a process, which can say nothing; so what is about to be taken is compared beforehand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/tensor.hpp"

namespace convoy {

// What this process holds already, data included, by /proc; 0 where that is not known. `shared` is
// there once for the ranks of a node.
struct MemoryHeld {
  Index own = 0;
  Index shared = 0;
};
MemoryHeld memory_held();

// Throws UserError(unavailable) where `bytes` more than this process holds are more than its
// control group may use. `what` begins the message ("the images of FILE"). A lower bound: memory
// that other processes of the group hold is not counted.
void check_room(std::uint64_t bytes, std::string_view what);

// "1.2 GB", "34 MB"
std::string memory_in_words(Index bytes);

}  // namespace convoy
