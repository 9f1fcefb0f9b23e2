// SPDX-License-Identifier: Apache-2.0
// Whether threads can be had. OpenMP's runtimes end the process where one can't be created, and a
// worker whose stack is too small crashes; here both are errors that can be caught.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace convoy {

// Bytes of stack that a worker needs at least.
inline constexpr std::size_t kLeastStack = std::size_t{256} << 10;

// The bytes of a size such as "16k", "8 M" or "2048" (then in units of 1024 bytes), as
// OMP_STACKSIZE has it; nothing where the text is none.
std::optional<std::size_t> stack_bytes(const std::string& text);

// Creates workers - 1 threads that are there at the same time, with the stack that OpenMP's would
// have, and ends them. Throws UserError(unavailable) where one of them can't be created, or where
// their stack is smaller than kLeastStack.
void try_threads(int workers);

}  // namespace convoy
