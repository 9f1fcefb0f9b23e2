// SPDX-License-Identifier: Apache-2.0
// Compares the classes of a data set with those that a net was trained on, by their names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace convoy {

// In words, which names only one side has: "the classes differ: only the model has cat, only the
// data has owl". Where both have the same ones, "the classes differ: they have another order".
// Empty where the names are equal, or one side has none.
std::string difference_of_classes(const std::vector<std::string>& model,
                                  const std::vector<std::string>& data);

// Returns `data` with the classes of a model, whose names are `model` (those of a checkpoint), so
// that its labels are outputs of the net. Where every class of the data is one of the model's, the
// names decide; so the data may have fewer classes, and in another order. Where one side has no
// names, or names each class by its number, the labels stay as they are. Otherwise throws
// UserError(bad_data), which names the classes that differ. `data_name` is for the message.
Dataset in_classes_of(const std::vector<std::string>& model, const Dataset& data,
                      std::string_view data_name);

}  // namespace convoy
