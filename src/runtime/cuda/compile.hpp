// SPDX-License-Identifier: Apache-2.0
// Compiles a plan to the work of the CUDA engine's kernels: tasks, their order, and where each
// value lies. It runs on the host and changes no state.
#pragma once

#include <span>
#include <vector>

#include "ops/cuda/lower.hpp"
#include "plan/plan.hpp"
#include "runtime/cuda/program.hpp"

namespace convoy::cuda {

// How a step is divided among the threads of the device.
enum class Division {
  batch,   // all threads compute one stage after another, with all samples at a time
  sample,  // each block computes all stages for one sample at a time; the terms of the weight
           // gradients are kept for the whole batch and summed after all stages
};

struct Compiled {
  std::vector<Code> codes;  // of a step; the first `forward_codes` of them are an evaluation
  int forward_codes = 0;
  std::vector<Code> update_codes;  // after them; a barrier lies between any two
  std::vector<Task> tasks;
  std::vector<ParameterSource> sources;
  std::vector<StatisticsReduction> reductions;  // as Plan::reductions()
  Ends ends;
  // Floats. Division::sample: the workspace of a block, and the partial sums and kept values of a
  // sample. Division::batch: those of the device, for all samples.
  Index workspace = 0, partials = 0, kept = 0;
  Index largest = 0;  // floats per sample of the largest value in the workspace
  // The sizes of StatisticsMemory, in doubles and in ForwardCoefficients.
  Index statistics_values = 0, statistics_subtrees = 0, forward_coefficients = 0;
  // What whole_gradient.cuh needs: rows of all blocks, floats of the products G.
  Index rows = 0, gram = 0;
};

// `work`: all samples of this rank for Division::batch, one sample for Division::sample.
// `batch`: the largest, of all ranks. `optimizer`: null where the program only evaluates.
// `from_host`: the host finishes the sums of gradients.
Compiled compile(const Plan& plan, const Work& work, Division division, Index batch,
                 const NetOptimizer* optimizer = nullptr, bool from_host = false);

}  // namespace convoy::cuda
