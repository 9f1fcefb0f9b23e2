// SPDX-License-Identifier: Apache-2.0
// How images are read for a model; checks that images and labels fit a net, and what is doubtful
// about labels that do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "convoy/settings.hpp"
#include "data/catalog.hpp"
#include "data/dataset.hpp"
#include "net/model_file.hpp"
#include "net/net.hpp"

namespace convoy {

// The options with which load_data() reads images for this model. `validation` is the fraction that
// a run holds out; the seed is that of the run.
DataOptions data_options(const ModelFile& model, double validation = 0);

// Either part may be empty, and is then not checked. `data_name` is for messages. Throws
// UserError(bad_data) if the images have another shape than the net's input, if a label is beyond
// the net's outputs (the message names the part, its file if it is known, the first such sample
// from 0, and its label), or if the data set has more classes than the net has outputs.
void check_fit(const Net& net, const Dataset& train, const Dataset& test,
               std::string_view data_name);

// The samples of the largest batch of a run: no more than there are to train on.
Index largest_batch(const TrainSettings& settings, const Dataset& train);

// Returns a sentence for each doubt about labels that fit: the labels begin with 1, some never
// occur, all are equal, or a test label does not occur in training. The list is usually empty.
std::vector<std::string> label_warnings(const TrainAndTest& data);

}  // namespace convoy
