// SPDX-License-Identifier: Apache-2.0
// The loss and accuracy of training runs, over epochs and over seconds of training.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "commands/run_record.hpp"
#include "report/plots.hpp"

namespace convoy::app {

// The plots come in pairs: over epochs, over seconds. A single run has its losses in one plot;
// several runs have a plot for each quantity.
std::vector<CurvePlot> learning_curves(std::span<const RunRecord> runs);

std::string curve_caption(const CurvePlot& plot);

}  // namespace convoy::app
