// SPDX-License-Identifier: Apache-2.0
// Models as TOML files. (docs/formats.md lists every key.)
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/data.hpp"
#include "convoy/model.hpp"
#include "net/net.hpp"
#include "net/train_settings.hpp"

namespace convoy {

// What the table [input] says of files of images; nothing where it lacks the key.
struct InputFiles {
  std::optional<bool> transpose;     // DataOptions::transpose
  std::optional<Index> first_label;  // DataOptions::first_label
  std::optional<Resize> resize;      // DataOptions::resize
};

struct ModelFile {
  Net net;
  TrainSettings train;
  Arithmetic arithmetic = Arithmetic::fp32;
  std::string text;  // the file with all overrides applied, normalised: parses to the same model
  InputFiles files = {};
};

// Throws UserError(bad_data) with file, line, layer and remedy. Unknown keys are errors, which name
// the nearest known key. `source` names the text in messages.
ModelFile parse_model_file(std::string_view text, std::string_view source,
                           std::span<const Override> overrides = {});

// `name_or_path` is a path to a .toml file, or a name that is searched in $CONVOY_MODELS, in the
// source tree's models/ (development builds) and in <prefix>/share/convoy/models. Throws
// UserError(not_found), which lists the folders searched and the known names.
ModelFile load_model_file(std::string_view name_or_path, std::span<const Override> overrides = {});

// The name of a value as a model file writes it.
std::string_view to_string(ScheduleKind kind);
std::string_view to_string(AnnealStrategy strategy);
std::string_view to_string(LossFunction function);
std::string_view to_string(Arithmetic arithmetic);

// Returns the text of a TOML file; `kind`, "model" or "study", is for messages. Throws
// UserError(not_found), UserError(bad_data) where it is not a regular file or is larger than 1 MiB,
// and SystemError(io) where it cannot be read.
std::string read_config_file(const std::filesystem::path& path, std::string_view kind);

}  // namespace convoy
