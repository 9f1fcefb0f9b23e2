// SPDX-License-Identifier: Apache-2.0
// Determines the plan from the command line of convoy study.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "study/plan.hpp"

namespace convoy::app {

struct StudyOptions {
  std::string subject = "tiny-relu";  // a model, or a study file
  std::optional<std::string> data, launcher;
  PictureOptions pictures;
  std::vector<std::string> layouts;
  std::string ranks_by = "data", threads_by = "data", mode = "strong", device = "cpu";
  std::optional<Index> epochs, batch, limit;
  std::optional<int> repeats;
  std::optional<double> validation, target_accuracy;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> set;
  bool per_layer = false;
  bool dry_run = false;
  std::string out;
  bool json = false;
  bool quiet = false;
};

void add_study_options(CLI::App& command, StudyOptions& options);

// Throws UserError.
study::StudyPlan choose_study(const CLI::App& command, const StudyOptions& options);

}  // namespace convoy::app
