// SPDX-License-Identifier: Apache-2.0
// Reads the sections of a model file from its tree. (Internal to net/.)
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

inline constexpr std::array<std::string_view, 8> kModelKeys = {
    "name", "arithmetic", "input", "layer", "loss", "train", "optimizer", "average"};
inline constexpr std::array<std::string_view, 9> kInputKeys = {
    "height", "width", "channels", "scale", "mean", "std", "resize", "transpose", "first_label"};
inline constexpr std::array<std::string_view, 2> kLossKeys = {"type", "label_smoothing"};
inline constexpr std::array<std::string_view, 15> kTrainKeys = {"batch",
                                                                "grain",
                                                                "epochs",
                                                                "order",
                                                                "seed",
                                                                "drop_last",
                                                                "schedule",
                                                                "warmup_epochs",
                                                                "step_epochs",
                                                                "step_factor",
                                                                "final_learning_rate",
                                                                "milestones",
                                                                "pct_start",
                                                                "div_factor",
                                                                "anneal_strategy"};

// Whether a model may have this name, which becomes a part of folder names and a word of commands.
bool is_model_name(std::string_view name);

// The layers of the net, and for each one the table that it was written in: a table with an
// `activation` gives two layers of the net.
struct ReadLayers {
  std::vector<Layer> layers;
  std::vector<const ConfigValue*> tables;
};
ReadLayers read_layers(const ConfigArray& tables);

// The name of each table of the file: the given one, or its type with its number among the tables
// of that type ("conv2"). Never throws: read_layers finds the errors.
std::vector<std::string> layer_names(const ConfigArray& tables);

TrainSettings read_train(const ConfigValue& table);
std::string train_text(const TrainSettings& settings);  // the lines of [train]

// Reads [optimizer] and its groups into `settings`.
void read_optimizer(const ConfigValue& table, TrainSettings& settings);
// Throws where a group has no tensor of the net. `table` is [optimizer].
void check_groups(const Net& net, const ConfigValue& table, const TrainSettings& settings);
std::string optimizer_text(const TrainSettings& settings);  // the lines of [optimizer], and groups
bool is_optimizer_key(std::string_view key);                // of any optimizer
std::vector<std::string_view> optimizer_keys();             // of all optimizers, and "type"

// Reads [average] into `settings`.
void read_average(const ConfigValue& table, TrainSettings& settings);
std::string average_text(const TrainSettings& settings);  // [average] with its lines; empty: none
std::vector<std::string_view> average_keys();             // of all averages, and the common ones

// Sets one KEY=VALUE in the tree. Throws UserError(usage) where the key does not exist.
void apply_override(ConfigValue& root, const Override& override);

}  // namespace convoy
