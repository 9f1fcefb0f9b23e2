// SPDX-License-Identifier: Apache-2.0
// Figures of a study in words.
#pragma once

#include <string>
#include <string_view>

#include "study/analysis.hpp"

namespace convoy::study {

// So many significant digits as a measurement on a shared machine has: three.
std::string digits(double value);                // "1.53", "163", "0.00412"; "-" where not known
std::string interval(const Estimate& estimate);  // "1.53 [1.49, 1.57]"; "1.53" without one
std::string percent(const Estimate& estimate);   // "76.4 % [74.1, 78.9]"
std::string times(const Estimate& estimate);     // "1.53 x [1.49, 1.57]"
std::string milliseconds(const Estimate& seconds);

// What a layout is, where it stands in a list: "1x2", and who it is in words: "1 rank of 2
// threads".
std::string in_words(const Grid& grid);

// What an experiment does: "Strong scaling, ranks by data, threads by tensor, batch 1".
std::string in_words(const Experiment& experiment, const LayoutResult& serial);

// "1 run", "2 runs".
std::string counted(std::size_t n, std::string_view noun);

}  // namespace convoy::study
