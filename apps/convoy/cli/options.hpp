// SPDX-License-Identifier: Apache-2.0
// Options that several subcommands share, and their values.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "internal.hpp"

namespace convoy::app {

// Headings in the help texts.
inline constexpr const char* kProblemGroup = "Problem (part of a run's identity)";
inline constexpr const char* kDataGroup = "Data";
inline constexpr const char* kOutputGroup = "Output";

// The device and the threads that do the work.
struct Layout {
  int threads = 0;
  std::string threads_by = "data";
  bool oversubscribe = false;
  std::string isa = "auto";
  bool no_fusion = false;  // only of convoy train
  std::string device = "cpu";
  std::string launch = "auto";  // of commands with add_launching(), like steps_per_launch
  Index steps_per_launch = 0;
};
// What the help says about the layout of a command.
struct LayoutHelp {
  const char* group;    // heading
  const char* workers;  // what can be more than the cores
  const char* gpus;
  const char* launch = "";            // how --launch chooses, and
  const char* steps_per_launch = "";  // --steps-per-launch, by default
};
void add_layout(CLI::App& command, Layout& layout, const LayoutHelp& help);
// Adds the options for launching a GPU's kernels.
void add_launching(CLI::App& command, Layout& layout, const LayoutHelp& help);
// The option that requests several steps per launch, such as "--launch graph"; "" if there is none.
std::string many_steps_option(const Layout& layout);

// How ranks share the work, and when a rank counts as failed.
struct RanksLayout {
  int ranks = 0;  // number to start here; 0: as many as a launcher started, else 1
  std::string hosts;
  std::string ranks_by = "data";
  std::string reduction = "tree";
  std::string exchange = "auto";
  Index verify_every = 1000;
  double stall_timeout = 30;
  double start_timeout = 60;
};
void add_ranks(CLI::App& command, RanksLayout& layout, const LayoutHelp& help);
// The number of ranks that --hosts ("a:2,b") has slots for; a host without a number has one.
// Throws UserError(usage) for a text of another form.
Index slots_of_hosts(std::string_view hosts);

// How class folders and lists of pictures are read. What is not given is that of the run, or the
// default.
struct PictureOptions {
  std::optional<double> test_fraction;
  std::string bad_images;
  std::string cache;
};
void add_picture_options(CLI::App& command, PictureOptions& options);
// Adds --cache alone.
void add_cache_option(CLI::App& command, std::string& cache);
// Sets what is given.
void apply(const PictureOptions& options, DataSettings& settings);

// Adds the option that says which checkpoint of a run folder a command reads.
void add_checkpoint_choice(CLI::App& command, std::string& choice);
// Reads the chosen checkpoint. Says on stderr which files were skipped and, unless quiet, which
// checkpoint was taken if there were several. `choice` is "", "best" or "last". Throws UserError,
// SystemError.
FoundCheckpoint choose_checkpoint(const std::string& path, const std::string& choice,
                                  bool quiet = false);
// Adds the option that says which copy of the weights a command computes with, if not the one that
// the model names (see choose_weights in train/checkpoint.hpp).
void add_weights_choice(CLI::App& command, std::optional<WeightsCopy>& weights);
// The run whose folder `path` is; nothing where it is another path, or where neither config.toml
// nor a checkpoint can be read: choose_checkpoint() reports that.
std::optional<FoundRun> run_in(const std::string& path);
// Says on stderr if config.toml is lost or damaged, so that the settings come from a checkpoint.
void warn_of_lost_config(const FoundRun& run);
// "best checkpoint, of epoch 3", "last checkpoint"
std::string in_words(const FoundCheckpoint& found);

// Throws UserError(usage | unavailable) if this machine or build lacks what the options request, or
// if they contradict each other.
EngineOptions engine_options(const Layout& layout, const TrainSettings& settings);
EngineOptions engine_options(const Layout& layout, const RanksLayout& ranks,
                             const TrainSettings& settings);
RanksOptions ranks_options(const RanksLayout& layout);

}  // namespace convoy::app
