// SPDX-License-Identifier: Apache-2.0
// Tells which layers of a net are slow or cannot run on a GPU, because their operation has no
// vector code or no kernels.
#pragma once

#include <string>

#include "internal.hpp"

namespace convoy::app {

// Tells whether there is code of some kind for an operation.
using HasCode = bool (*)(const Op&);

// A line for each kind of code that some layers lack; empty where all layers have all.
std::string missing_code(const Net& net, HasCode has_vector_code, HasCode has_gpu_code);

}  // namespace convoy::app
