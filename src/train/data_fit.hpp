// SPDX-License-Identifier: Apache-2.0
// Whether images and labels go together with a net, and what is doubtful about them where they do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/catalog.hpp"
#include "data/dataset.hpp"
#include "net/net.hpp"

namespace convoy {

// Either part may be empty, and is not looked at then. `data_name` is for messages. Throws
// UserError(bad_data) where the images have another shape than the net's input, where a label lies
// beyond the net's outputs (the message names the part, its file if it is known, the first such
// sample from 0, and its label), or where the data set has more classes than the net has outputs.
void check_fit(const Net& net, const Dataset& train, const Dataset& test,
               std::string_view data_name);

// A sentence for each doubt about labels that fit: the labels begin with 1, some never occur, all
// are equal, or the test labels hold one that the training labels lack. Most often none.
std::vector<std::string> label_warnings(const TrainAndTest& data);

}  // namespace convoy
