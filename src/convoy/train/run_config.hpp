// SPDX-License-Identifier: Apache-2.0
// config.toml of a run folder: the model's text as it is, then
//
//   [data]   name, limit, validation, train_sha256, test_sha256
//   [run]    schema = "convoy.run/1", order_version, version
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "convoy/train/run_folder.hpp"

namespace convoy {

std::string run_config_text(const RunIdentity& identity);

// Throws UserError(bad_data) that names `file` and the place.
RunIdentity parse_run_config(std::string_view text, const std::filesystem::path& file);

}  // namespace convoy
