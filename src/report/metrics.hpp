// SPDX-License-Identifier: Apache-2.0
// Numbers formatted for people: ASCII only, without colour.
#pragma once

#include <string>

#include "convoy/observer.hpp"

namespace convoy {

// The nearest whole number; 0 if the value is negative, NaN, or too large for an Index. A rate may
// come from a division by zero seconds, or from a file.
Index rounded(double value);

std::string with_commas(Index n);         // 1234567 -> "1,234,567"
std::string as_duration(double seconds);  // "0.29 s", "12.4 s", "3:07", "1:02:33"
std::string as_clock(double seconds);     // "0:12", "3:07", "1:02:33"; "-:--" if not known
std::string as_percent(double fraction);  // 0.8812 -> "88.12 %"
std::string as_bytes(double bytes);       // "512 B", "96.4 MiB"

// "epoch 2/5  loss 0.3127  train 89.04 %  test 88.12 % (loss 0.3301)  0.29 s  206,896 images/s"
std::string as_line(const EpochMetrics& metrics, Index epochs);

// "epoch 2/5  step 844/1875  loss 0.3127  210,345 images/s  ETA 0:12"
std::string as_line(const Progress& progress);

}  // namespace convoy
