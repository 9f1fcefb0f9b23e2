// SPDX-License-Identifier: Apache-2.0
// Checks of an engine's arguments. Sizes are compared before anything is read or written, so a
// mistake in the user's program gives an error message and does not damage memory.
#pragma once

#include <span>

#include "runtime/engine.hpp"

namespace convoy {

// These throw UserError(usage).
void check_options(const EngineOptions& options, const Communicator& communicator);
void check_data(const Net& net, const Dataset& data, std::span<const std::uint32_t> samples);
void check_step_range(const Net& net, Index largest_batch, const StepRange& step_range);
void check_state(const Net& net, const NetOptimizer& optimizer, const ModelState& state);

}  // namespace convoy
