// SPDX-License-Identifier: Apache-2.0
// Tells which layers of a net are slow or cannot run on a GPU, because their operation has no
// vector code or no kernels.
#pragma once

#include <string>

#include "internal.hpp"

namespace convoy::app {

// A line for each kind of code that some layers lack; empty where all layers have all.
std::string missing_code(const Net& net, bool (*has_vector_code)(const Op&),
                         bool (*has_gpu_code)(const Op&));

}  // namespace convoy::app
