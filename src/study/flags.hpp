// SPDX-License-Identifier: Apache-2.0
// Texts that say why a figure of a study is doubtful. (Internal to study/.)
#pragma once

#include <string>
#include <vector>

#include "study/analysis.hpp"

namespace convoy::study {

inline constexpr std::size_t kEnoughRepeats = 3;
inline constexpr double kWide = 0.2;            // width of a wide interval, relative to its value
inline constexpr double kWorseAccuracy = 0.01;  // difference to the serial run's accuracy

// Whether the runs of a layout all have one digest, and the runs of the serial layout, too; and,
// for the same problem, whether these are equal. Otherwise no speedup is computed.
bool comparable(const Experiment& experiment, const LayoutResult& layout,
                const LayoutResult& serial);

// The flags of a layout whose figures are computed.
std::vector<Flag> flags_of(const Study& study, const Experiment& experiment,
                           const LayoutResult& layout, const LayoutResult& serial);
// The flags of the whole study.
std::vector<std::string> flags_of(const Study& study);

}  // namespace convoy::study
