// SPDX-License-Identifier: Apache-2.0
// bench.hpp of a GPU: its limits, the kernels of each stage, and whole steps in each way of
// launching them. Stages are launched one by one there and timed by the GPU's own clock, as the
// engine adds them to a timeline; the steps are those of engines without one.
#pragma once

#include "measure/bench.hpp"

namespace convoy::measure {

// As bench(), with options.device cuda. `options.launching`: in this way alone; automatic: in all
// that the net fits, and the others are in `left_out`.
BenchResult cuda_bench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
                       double seconds, const std::function<void(int round)>& heard);

}  // namespace convoy::measure
