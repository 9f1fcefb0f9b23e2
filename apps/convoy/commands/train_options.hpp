// SPDX-License-Identifier: Apache-2.0
// The command line of convoy train.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace convoy::app {

struct TrainOptions {
  std::string model = "tiny-relu";
  std::optional<Index> epochs, batch, per_rank_batch, grain, seed;
  std::optional<std::string> order;
  bool no_shuffle = false;
  std::vector<std::string> set;
  std::string init_from;
  std::string data = "fashion-mnist";
  double validation = 0;
  Index limit = 0;
  PictureOptions pictures;
  Layout layout;
  RanksLayout ranks;
  std::string out;
  std::string resume;
  bool resume_if_present = false;
  std::string checkpoint_every = "1epoch";
  std::string trace;
  bool profile = false;
  bool json = false;
  bool quiet = false;
  std::vector<std::string> command_line;  // of this process, the program's name first
};

void add_train_options(CLI::App& command, TrainOptions& options);

}  // namespace convoy::app
