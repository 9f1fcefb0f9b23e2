// SPDX-License-Identifier: Apache-2.0
// config.toml of a run folder: the model's text unchanged, then
//
//   [data]   name, limit, validation, train_sha256, test_sha256, and validation_sha256 if the data
//            set itself holds samples out
//   [run]    schema = "convoy.run/2", order_version, version, and initial_weights_sha256 if the run
//            began with the weights of another
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "net/model_file.hpp"
#include "train/data_settings.hpp"
#include "train/other_version.hpp"

namespace convoy {

// What a run is: all that its weights depend on, and the data that it is tested on.
struct RunIdentity {
  ModelFile model;
  DataSettings data;
  std::string train_sha256;
  std::string test_sha256;
  std::string initial_weights_sha256 = {};  // if it began with the weights of another run
};

std::string run_config_text(const RunIdentity& identity);

// Throws OtherVersion(bad_data) unless the order version is this Convoy's. `version` is that of the
// Convoy that began the run.
void check_order_version(Index order_version, std::string_view version,
                         const std::filesystem::path& folder);

// Throws OtherVersion, and UserError(bad_data) that names `file` and the place in it.
RunIdentity parse_run_config(std::string_view text, const std::filesystem::path& file);

}  // namespace convoy
