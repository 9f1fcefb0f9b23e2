// SPDX-License-Identifier: Apache-2.0
// The benchmark of bench.hpp on a GPU: its limits, the kernels of each stage, and whole steps with
// each way of launching them. Stages are launched one by one and timed by the GPU's own clock, as
// the engine does for a timeline; the whole steps run on engines without a timeline.
#pragma once

#include "measure/bench.hpp"

namespace convoy::measure {

// Works as bench(), with options.device cuda. `options.launching` selects one way of launching;
// `automatic` takes all that suit the net, and lists the others in `left_out`.
BenchResult cuda_bench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
                       double seconds, const std::function<void(int round)>& heard);

}  // namespace convoy::measure
