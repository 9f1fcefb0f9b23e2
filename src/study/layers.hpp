// SPDX-License-Identifier: Apache-2.0
// The per-layer part of a study: each layer with its activation, forward and backward, by so many
// workers. (Internal to study/.)
#pragma once

#include <vector>

#include "study/analysis.hpp"

namespace convoy::study {

// In the order of the net, then the whole net. Against the serial layout of the same experiment,
// whose layers are not fused either.
std::vector<LayerResult> layer_results(const Study& study, const ExperimentResult& result);

}  // namespace convoy::study
