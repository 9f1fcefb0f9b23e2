// SPDX-License-Identifier: Apache-2.0
// Models as TOML files. (docs/formats.md lists every key.)
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/model.hpp"
#include "net/net.hpp"
#include "net/train_settings.hpp"

namespace convoy {

struct ModelFile {
  Net net;
  TrainSettings train;
  std::string text;  // the file with all overrides applied, normalised: parses to the same model
};

// Throws UserError(bad_data) with file, line, layer and remedy; unknown keys are errors, with the
// nearest known one named. `source` names the text in messages.
ModelFile parse_model_file(std::string_view text, std::string_view source,
                           std::span<const Override> overrides = {});

// A path to a .toml file, or a name found in $CONVOY_MODELS, the source tree's models/ (development
// builds), <prefix>/share/convoy/models. Throws UserError(not_found) listing what was searched and
// the known names.
ModelFile load_model_file(std::string_view name_or_path, std::span<const Override> overrides = {});

// The text of a file of TOML; `kind`, "model" or "study", is for messages. Throws
// UserError(not_found), UserError(bad_data) where it is no regular file or larger than 1 MiB, and
// SystemError(io) where it cannot be read.
std::string read_config_file(const std::filesystem::path& path, std::string_view kind);

}  // namespace convoy
