// SPDX-License-Identifier: Apache-2.0
// The options --checkpoint best|last and --weights average|trained of the commands that read a run
// folder.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"

namespace convoy::app {

void add_checkpoint_choice(CLI::App& command, std::string& choice) {
  command
      .add_option(
          "--checkpoint", choice,
          "Checkpoint of a run folder to use: that of the best epoch by validation, or the last "
          "one; default: the best if the run held images out (train --validation), else the last")
      ->check(one_of({"best", "last"}))
      ->type_name("best|last");
}

FoundCheckpoint choose_checkpoint(const std::string& path, const std::string& choice, bool quiet) {
  std::error_code ignored;
  const bool is_run = std::filesystem::is_directory(path, ignored);
  if (!choice.empty() && !is_run && std::filesystem::exists(path, ignored)) {
    throw UserError(Fault::usage, fmt::format("--checkpoint {} with a checkpoint file", choice),
                    "it chooses between the checkpoints of a run folder", "leave it out");
  }
  FoundCheckpoint found =
      find_checkpoint(path, choice == "best"   ? CheckpointChoice::best
                            : choice == "last" ? CheckpointChoice::last
                                               : CheckpointChoice::best_or_last);
  for (const std::string& reason : found.damaged) {
    write_warning(fmt::format("a damaged checkpoint was skipped: {}", reason));
  }
  for (const std::string& reason : found.unreadable) {
    write_warning(fmt::format("a checkpoint could not be read: {}", reason));
  }
  if (found.is_best && choice.empty() && !quiet) {
    write_message(fmt::format("using the {} (for the newest, add --checkpoint last): {}",
                              in_words(found), found.file.string()));
  }
  return found;
}

void add_weights_choice(CLI::App& command, std::optional<WeightsCopy>& weights) {
  std::vector<std::string> names;
  for (const auto& [name, copy] : kWeightsCopies) names.emplace_back(name);
  command
      .add_option_function<std::string>(
          "--weights",
          [&weights](const std::string& chosen) {
            for (const auto& [name, copy] : kWeightsCopies) {
              if (name == chosen) weights = copy;
            }
          },
          "Copy of the weights to use, where the model has an [average]: that average, or "
          "the trained weights; default: as the model's key average.evaluate says")
      ->check(one_of(names))
      ->type_name(fmt::format("{}", fmt::join(names, "|")));
}

std::optional<FoundRun> run_in(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return std::nullopt;
  try {
    return open_run(path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void warn_of_lost_config(const FoundRun& run) {
  if (run.lost.empty()) return;
  write_warning(fmt::format("{}; the settings come from its newest checkpoint", run.lost));
}

std::string in_words(const FoundCheckpoint& found) {
  if (!found.is_best) return "last checkpoint";
  return fmt::format("best checkpoint, of epoch {}", found.checkpoint.position.epoch - 1);
}

}  // namespace convoy::app
