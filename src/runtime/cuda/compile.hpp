// SPDX-License-Identifier: Apache-2.0
// From a plan to what the kernels of the CUDA engine do: tasks, their order, and where values lie.
// Pure, and on the host.
#pragma once

#include <vector>

#include "ops/cuda/lower.hpp"
#include "plan/plan.hpp"
#include "runtime/cuda/program.hpp"

namespace convoy::cuda {

// Who goes through the stages with how much.
enum class Division {
  batch,   // all threads of the device, with all samples at a time, stage by stage
  sample,  // each block, with one sample at a time: what a weight gradient is summed from is kept
           // for the whole batch, and summed behind all stages
};

struct Compiled {
  std::vector<Code> codes;  // of a step; those of `forward_codes` are an evaluation
  int forward_codes = 0;
  std::vector<Task> tasks;
  std::vector<ParameterSource> sources;
  Ends ends;
  // Floats: of a block's or of the device's workspace; of all partial sums and kept values, of
  // a sample (Division::sample) or of all.
  Index workspace = 0, partials = 0, kept = 0;
  Index largest = 0;  // of the workspace's values, of a sample
};

// `work`: of the division batch all samples of this rank; of the division sample one.
Compiled compile(const Plan& plan, const Work& work, Division division);

}  // namespace convoy::cuda
