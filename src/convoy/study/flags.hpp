// SPDX-License-Identifier: Apache-2.0
// What makes a figure of a study doubtful, in words. (Internal to study/.)
#pragma once

#include <string>
#include <vector>

#include "convoy/study/analysis.hpp"

namespace convoy::study {

inline constexpr int kEnoughRepeats = 3;
inline constexpr double kBusyCores = 0.3;  // that others used before a run
inline constexpr double kWide = 0.2;       // of an interval, against its value

// Whether figures may compare the layout with the serial one: all of its runs, and those of the
// serial layout where the problem is the same, came to one digest.
bool comparable(const Experiment& experiment, const LayoutResult& layout,
                const LayoutResult& serial);

// Of a layout whose figures are computed.
std::vector<std::string> flags_of(const Study& study, const Experiment& experiment,
                                  const LayoutResult& layout, const LayoutResult& serial);
std::vector<std::string> flags_of(const Study& study);

}  // namespace convoy::study
