// SPDX-License-Identifier: Apache-2.0
// The engine of a GPU. A build without CUDA has runtime/no_cuda/engine.cpp behind this header.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/engine.hpp"

namespace convoy {

// The kernels that a GPU runs for one stage of the plan, in one step.
struct StageLaunches {
  int stage = 0;  // stage_number() of the stage; -1: fills the input; -2: updates
  int launches = 0;
  Index blocks = 0, threads = 0;  // of the largest launch; `threads` counts all blocks
};

// Adds what only a GPU reports. Only the thread that made the engine may use it.
class CudaEngine : public Engine {
 public:
  // Launches by run() so far; a kernel or a graph is one launch.
  virtual Index launches() const = 0;
  // One for each stage, in the order of stage numbers; known before the first step.
  virtual std::vector<StageLaunches> stage_launches() const = 0;
};

// As make_engine(), on one GPU; only the thread that makes it may use it. The GPU's number is this
// rank's number among the ranks of its host, modulo the number of GPUs. Throws
// UserError(unavailable) where this build has no CUDA, the host has no GPU, or the GPU has too
// little memory, and UserError(usage) for options that a GPU does not support (tensor parallel).
std::unique_ptr<CudaEngine> make_cuda_engine(const Net& net, const NetOptimizer& optimizer,
                                             const EngineOptions& options,
                                             Communicator& communicator);

// "CUDA 13.0"; empty in a build without CUDA.
std::string cuda_library();

}  // namespace convoy
