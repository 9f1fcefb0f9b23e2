// SPDX-License-Identifier: Apache-2.0
// The per-layer part of a study: each layer with its activation, forward and backward, for each
// number of workers. (Internal to study/.)
#pragma once

#include <vector>

#include "study/analysis.hpp"

namespace convoy::study {

// The layers in the order of the net, then the whole net. They are compared with the serial layout
// of the same experiment, whose layers are not fused either.
std::vector<LayerResult> layer_results(const Study& study, const ExperimentResult& result);

}  // namespace convoy::study
