// SPDX-License-Identifier: Apache-2.0
// Tests whether threads can be created. OpenMP's runtimes end the process where a thread can't be
// created, and a worker whose stack is too small crashes; here both cases throw an error.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace convoy {

// Least bytes of stack that a worker needs.
inline constexpr std::size_t kLeastStack = std::size_t{256} << 10;

// The bytes of a size such as "16k", "8 M" or "2048" (without a letter in units of 1024 bytes), as
// in OMP_STACKSIZE; no value where the text is not a size.
std::optional<std::size_t> stack_bytes(const std::string& text);

// Creates workers - 1 threads that exist at the same time, with the stack size of OpenMP's threads,
// and ends them. Throws UserError(unavailable) where one of them can't be created, or where their
// stack is smaller than kLeastStack.
void try_threads(int workers);

}  // namespace convoy
