// SPDX-License-Identifier: Apache-2.0
// Describes what is doubtful about the labels of a data set, for a message.
#pragma once

#include <span>
#include <string>

#include "base/tensor.hpp"

namespace convoy {

// Returns "label 0 never occurs: do the labels begin with 1?", "all labels are 3", or "labels 3 and
// 5 to 7 never occur" about the labels below the highest one that occurs; an empty text where each
// of these occurs. `labels` must not be empty.
std::string doubts_about_labels(std::span<const Label> labels);

}  // namespace convoy
