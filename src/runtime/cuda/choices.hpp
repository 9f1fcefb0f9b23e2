// SPDX-License-Identifier: Apache-2.0
// The choices of the CUDA engine, by its options and the host's GPUs.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "runtime/engine.hpp"
#include "runtime/gpu/gpu.hpp"

namespace convoy::cuda {

// Throws UserError(usage) for options that a GPU does not support.
void check_cuda_options(const EngineOptions& options, const Communicator& communicator);

// The GPU of this rank, by its number among the ranks of the host. Throws UserError(unavailable)
// where the host has no GPU.
int device_of(const Communicator& communicator);

// `fits`: whether the net fits into a persistent kernel.
Launching choose_launching(const EngineOptions& options, const Communicator& communicator,
                           const Plan& plan, bool fits);

// Throws UserError(usage) where values of `largest` floats per sample have more elements than a
// kernel can count.
void check_count(Index samples, Index largest);

std::vector<std::string> warnings(const Communicator& communicator);

// "sm_90 (NVIDIA H200)"
std::string isa_of(const gpu::Facts& facts);

}  // namespace convoy::cuda
