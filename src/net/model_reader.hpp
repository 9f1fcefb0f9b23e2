// SPDX-License-Identifier: Apache-2.0
// The sections of a model file, read from its tree. (Internal to net/.)
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/config_tree.hpp"
#include "net/layer.hpp"
#include "net/model_file.hpp"
#include "net/train_settings.hpp"

namespace convoy {

inline constexpr std::array<std::string_view, 5> kModelKeys = {"name", "input", "layer", "loss",
                                                               "train"};
inline constexpr std::array<std::string_view, 6> kInputKeys = {"height", "width", "channels",
                                                               "scale",  "mean",  "std"};
inline constexpr std::array<std::string_view, 1> kLossKeys = {"type"};
inline constexpr std::array<std::string_view, 14> kTrainKeys = {
    "batch",         "grain",
    "epochs",        "order",
    "seed",          "learning_rate",
    "momentum",      "nesterov",
    "weight_decay",  "schedule",
    "warmup_epochs", "step_epochs",
    "step_factor",   "final_learning_rate"};

// What a model may be called: it becomes a part of folders' names and a word of commands.
bool is_model_name(std::string_view name);

// The layers of the net, and for each the table that it was written in: a layer with an
// `activation` is two layers of the net.
struct ReadLayers {
  std::vector<Layer> layers;
  std::vector<const ConfigValue*> tables;
};
ReadLayers read_layers(const ConfigArray& tables);

// The name of each table of the file: as given, or its type's and its number among those of that
// type ("conv2"). Never throws: what is wrong is found by read_layers.
std::vector<std::string> layer_names(const ConfigArray& tables);

TrainSettings read_train(const ConfigValue& table);
std::string train_text(const TrainSettings& settings);  // the lines of [train]

// Sets one KEY=VALUE in the tree. Throws UserError(usage) where the key leads nowhere.
void apply_override(ConfigValue& root, const Override& override);

}  // namespace convoy
