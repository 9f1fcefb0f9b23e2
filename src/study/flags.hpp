// SPDX-License-Identifier: Apache-2.0
// What makes a figure of a study doubtful, in words. (Internal to study/.)
#pragma once

#include <string>
#include <vector>

#include "study/analysis.hpp"

namespace convoy::study {

inline constexpr std::size_t kEnoughRepeats = 3;
inline constexpr double kWide = 0.2;            // of an interval, against its value
inline constexpr double kWorseAccuracy = 0.01;  // than the serial run's

// Whether the runs of a layout, and those of the serial one, each came to one digest by the
// contract; and, where the problem is the same, to the same one. No speedup is computed otherwise.
bool comparable(const Experiment& experiment, const LayoutResult& layout,
                const LayoutResult& serial);

// Of a layout whose figures are computed.
std::vector<Flag> flags_of(const Study& study, const Experiment& experiment,
                           const LayoutResult& layout, const LayoutResult& serial);
// Of the whole study.
std::vector<std::string> flags_of(const Study& study);

}  // namespace convoy::study
