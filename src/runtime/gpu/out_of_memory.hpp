// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/tensor.hpp"

namespace convoy::gpu {

// Throws UserError(unavailable).
[[noreturn]] void throw_out_of_memory(std::string_view device, std::string_view what, Index asked,
                                      Index free);

}  // namespace convoy::gpu
