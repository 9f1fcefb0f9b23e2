// SPDX-License-Identifier: Apache-2.0
// Models as TOML files. (docs/formats.md lists every key.)
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/net/net.hpp"
#include "convoy/net/train_settings.hpp"

namespace convoy {

struct Model {
  Net net;
  TrainSettings train;
  std::string text;  // the file with all overrides applied, normalised: parses to the same model
};

// A `key=value` of the command line: "train.momentum=0.9", "layer.0.filters=16" (by index),
// "layer.conv1.filters=16" (by name), "input.scale=1", "loss.type=...". Values are TOML; a bare
// word is a string.
using Override = std::string;

// Throws UserError(bad_data) with file, line, layer and remedy; unknown keys are errors, with the
// nearest known one named. `source` names the text in messages.
Model parse_model(std::string_view text, std::string_view source,
                  std::span<const Override> overrides = {});

// A path to a .toml file, or a name found in $CONVOY_MODELS, the source tree's models/ (development
// builds), <prefix>/share/convoy/models. Throws UserError(not_found) listing what was searched and
// the known names.
Model load_model(std::string_view name_or_path, std::span<const Override> overrides = {});

// The text of a file of TOML; `kind`, "model" or "study", is for messages. Throws
// UserError(not_found), UserError(bad_data) where it is no regular file or larger than 1 MiB, and
// SystemError(io) where it cannot be read.
std::string read_config_file(const std::filesystem::path& path, std::string_view kind);

struct ModelEntry {
  std::string name;
  std::filesystem::path path;
};
std::vector<ModelEntry> known_models();

}  // namespace convoy
