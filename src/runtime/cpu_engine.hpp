// SPDX-License-Identifier: Apache-2.0
// The engine of one thread or many.
#pragma once

#include <memory>

#include "runtime/engine.hpp"

namespace convoy {

// Makes an engine on the CPU, as make_engine() does, whatever options.device is. Throws
// UserError(usage | unavailable). Collective.
std::unique_ptr<Engine> make_cpu_engine(const Net& net, const NetOptimizer& optimizer,
                                        const EngineOptions& options, Communicator& communicator);

}  // namespace convoy
