// SPDX-License-Identifier: Apache-2.0
// Options that several subcommands share, and what they turn into.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "internal.hpp"

namespace convoy::app {

// Headings of the help texts.
inline constexpr const char* kProblemGroup = "Problem (part of a run's identity)";
inline constexpr const char* kDataGroup = "Data";
inline constexpr const char* kLayoutGroup = "Layout (never changes the result)";
inline constexpr const char* kOutputGroup = "Output";

// On what the work is done.
struct Layout {
  int threads = 0;
  std::string threads_by = "data";
  bool oversubscribe = false;
  std::string isa = "auto";
  bool no_fusion = false;  // of convoy train
  std::string device = "cpu";
  std::string launch = "auto";  // of commands with add_launching(), as the next
  Index steps_per_launch = 0;
};
void add_layout(CLI::App& command, Layout& layout);
// How a GPU is given its work.
void add_launching(CLI::App& command, Layout& layout);
// The option that asks for many steps in a launch, "--launch graph" say; none: "".
std::string many_steps_option(const Layout& layout);

// How ranks share the work, and what is done about one that fails.
struct RanksLayout {
  int ranks = 0;  // to be started here; 0: as many as a launcher started, else 1
  std::string hosts;
  std::string ranks_by = "data";
  std::string reduction = "tree";
  std::string exchange = "auto";
  Index verify_every = 1000;
  double stall_timeout = 30;
  double start_timeout = 60;
};
void add_ranks(CLI::App& command, RanksLayout& layout);

// Which checkpoint of a run folder a command reads.
void add_checkpoint_choice(CLI::App& command, std::string& choice);
// Takes it, and says on stderr what was passed over and, unless quiet, which one it is where there
// was a choice.
// `choice`: "", "best", "last". Throws UserError, SystemError.
FoundCheckpoint choose_checkpoint(const std::string& path, const std::string& choice,
                                  bool quiet = false);
// "best checkpoint, of epoch 3", "last checkpoint"
std::string in_words(const FoundCheckpoint& found);

// Throws UserError(usage | unavailable) where this machine or build does not have what is asked
// for, or what is asked for does not go together.
EngineOptions engine_options(const Layout& layout, const TrainSettings& settings);
EngineOptions engine_options(const Layout& layout, const RanksLayout& ranks,
                             const TrainSettings& settings);
RanksOptions ranks_options(const RanksLayout& layout);

// "28 x 28 x 1"
std::string to_string(const Shape& shape);

}  // namespace convoy::app
