// SPDX-License-Identifier: Apache-2.0
// config.toml of a run folder: the model's text as it is, then
//
//   [data]   name, limit, validation, train_sha256, test_sha256
//   [run]    schema = "convoy.run/1", order_version, version
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "train/run_folder.hpp"

namespace convoy {

// and, in [run], initial_weights_sha256 where the run began with another's weights.
std::string run_config_text(const RunIdentity& identity);

// The run is of another order_version: it is not damaged, but this Convoy would give other bits.
class OtherOrder : public UserError {
 public:
  using UserError::UserError;
};
// Throws OtherOrder(bad_data) unless it is this one's. `version`: of the Convoy that began the run.
void check_order_version(Index order_version, std::string_view version,
                         const std::filesystem::path& folder);

// Throws UserError(bad_data) that names `file` and the place, OtherOrder.
RunIdentity parse_run_config(std::string_view text, const std::filesystem::path& file);

}  // namespace convoy
