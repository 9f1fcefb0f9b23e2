// SPDX-License-Identifier: Apache-2.0
// The figures of a study as text.
#pragma once

#include <string>
#include <string_view>

#include "study/analysis.hpp"

namespace convoy::study {

// Three significant digits, or a whole number from 100 on: a measurement on a shared machine has no
// more.
std::string digits(double value);                // "1.53", "163", "0.00412"; "-" if not known
std::string interval(const Estimate& estimate);  // "1.53 [1.49, 1.57]"; "1.53" without one
std::string percent(const Estimate& estimate);   // "76.4 % [74.1, 78.9]"
std::string times(const Estimate& estimate);     // "1.53 × [1.49, 1.57]"
std::string milliseconds(const Estimate& seconds);

// A layout as in_words() writes it: "2 ranks of 2 threads". (In lists it is "1x2", by to_string().)
std::string in_words(const Grid& grid);

// The description of an experiment: "Strong scaling, ranks by data, threads by tensor, batch 1".
std::string in_words(const Experiment& experiment, const LayoutResult& serial);

// "1 run", "2 runs".
std::string counted(std::size_t n, std::string_view noun);

}  // namespace convoy::study
