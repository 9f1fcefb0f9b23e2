// SPDX-License-Identifier: Apache-2.0
// Which labels of a data set occur, and what is doubtful about them, for a message.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

// For each label from 0 to the highest that occurs, whether it occurs; empty if `labels` is.
std::vector<bool> occurring_labels(std::span<const Label> labels);

// Returns "label 0 never occurs: do the labels begin with 1? ...", "all labels are 3", or "labels 3
// and 5 to 7 never occur" about the labels below the highest one that occurs; an empty text where
// each of these occurs. `labels` must not be empty.
std::string doubts_about_labels(std::span<const Label> labels);

}  // namespace convoy
