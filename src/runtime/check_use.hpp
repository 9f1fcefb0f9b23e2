// SPDX-License-Identifier: Apache-2.0
// What an engine must not be asked for. Sizes are compared before anything is read or written, so a
// slip in a program of the user's is a message and not a damaged memory.
#pragma once

#include <span>

#include "runtime/engine.hpp"

namespace convoy {

// These throw UserError(usage).
void check_options(const EngineOptions& options, const Communicator& communicator);
void check_data(const Net& net, const Dataset& data, std::span<const std::uint32_t> samples);
void check_stretch(const Net& net, Index largest_batch, const Stretch& stretch);
void check_state(const Net& net, const ModelState& state);

}  // namespace convoy
