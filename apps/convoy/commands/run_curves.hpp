// SPDX-License-Identifier: Apache-2.0
// Loss and accuracy of training runs, over epochs and over seconds of training.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "commands/run_record.hpp"
#include "report/plots.hpp"

namespace convoy::app {

// In pairs: over epochs, over seconds. One run has its losses in one plot; several have a plot for
// each quantity.
std::vector<CurvePlot> learning_curves(std::span<const RunRecord> runs);

std::string curve_caption(const CurvePlot& plot);

}  // namespace convoy::app
