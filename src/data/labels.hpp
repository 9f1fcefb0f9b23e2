// SPDX-License-Identifier: Apache-2.0
// What is doubtful about the labels of a data set, in words for a message.
#pragma once

#include <span>
#include <string>

#include "base/tensor.hpp"

namespace convoy {

// "label 0 never occurs: do the labels begin with 1?", "all labels are 3",
// "labels 3 and 5 to 7 never occur", of those below the highest that occurs; empty where each of
// these occurs. `labels` must not be empty.
std::string doubts_about_labels(std::span<const Label> labels);

}  // namespace convoy
