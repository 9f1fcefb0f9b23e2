// SPDX-License-Identifier: Apache-2.0
// The keys of [input] that say how arrays are stored, for a data set that has no model yet.
#pragma once

#include <span>

#include "internal.hpp"

namespace convoy::app {

// Reads --set input.transpose=... and input.first_label=..., as a model file's overrides are read.
// Throws UserError(usage) for another key, and the errors of overrides.
InputFiles array_keys(std::span<const Override> overrides);

}  // namespace convoy::app
