// SPDX-License-Identifier: Apache-2.0
// The plan of a study: experiments, each a list of layouts for one training problem. It comes from
// a study file in TOML (docs/formats.md lists every key) or from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "base/tensor.hpp"

namespace convoy::study {

// A layout, RANKSxTHREADS, of at most 2^20 workers.
struct Grid {
  int ranks = 1;
  int threads = 1;

  int workers() const { return ranks * threads; }
  friend bool operator==(const Grid&, const Grid&) = default;
};
std::string to_string(const Grid& grid);  // "2x1"
// Throws UserError(usage) if the text is not a layout.
Grid parse_grid(std::string_view text);

// strong: all layouts train the same problem. weak: each worker has `batch` samples per step, so
// the problem grows with the number of workers (and is a different one).
enum class Scaling { strong, weak };
std::string_view to_string(Scaling scaling);

inline constexpr std::string_view kOwnShards = "shards";  // one shard per worker

struct Experiment {
  std::string name;  // unique in a study
  Scaling scaling = Scaling::strong;
  std::vector<Grid> layouts;      // the serial one comes first and is added if it is missing
  std::string ranks_by = "data";  // data | tensor
  std::string threads_by = "data";
  bool per_layer = false;      // every layer is a stage of its own, and its time is shown
  std::optional<Index> batch;  // empty: the model file's
  std::optional<Index> epochs;
  std::optional<Index> limit;    // number of training images
  std::string order;             // "": the model file's; kOwnShards, or as for train
  std::vector<std::string> set;  // overrides of the model file

  friend bool operator==(const Experiment&, const Experiment&) = default;
};

struct StudyPlan {
  std::string name;
  std::string model = "tiny-relu";
  std::string data = "fashion-mnist";
  // How the data are read; as of `convoy train`.
  double test_fraction = 0;
  double validation = 0;
  std::string bad_images = "stop";  // stop | skip
  std::string cache;                // "": that of the user
  std::string device = "cpu";       // cuda: one GPU for each rank
  int repeats = 5;
  std::uint64_t seed = 1;                 // determines the order of the runs
  std::optional<double> target_accuracy;  // empty: the highest that all runs of an experiment reach
  std::string launcher;  // "srun --mpi=pmix -n {ranks} -c {threads}"; "": convoy train --ranks
  std::vector<Experiment> experiments;

  friend bool operator==(const StudyPlan&, const StudyPlan&) = default;
};

// Adds the serial layout if it is missing, and rejects a plan that is not a valid study. Throws
// UserError(fault), with `source` in front, if there is no experiment, if an experiment has no name
// or a name like another's (their files would have the same name), and for a repeated layout,
// layers in weak scaling, threads or tensors on GPUs, or a launcher without {ranks}.
void complete(StudyPlan& plan, std::string_view source, Fault fault);

// `text` as part of a file name or id: lower-case letters, digits and hyphens.
std::string slug(std::string_view text);

// Whether a .toml file is a study and not a model: it has experiments, or no layers. Throws the
// errors of parse_plan() if it is not TOML.
bool is_plan(std::string_view text, std::string_view source);
// Reads a study file. Throws UserError(bad_data) with the line; unknown keys are errors.
StudyPlan parse_plan(std::string_view text, std::string_view source);

// One process that the study runs in every round.
struct Configuration {
  std::size_t experiment = 0, layout = 0;
};
std::vector<Configuration> configurations(const StudyPlan& plan);

// The order of a round (numbered from 1): a permutation that depends on the seed and the round.
std::vector<Configuration> shuffled_round(const StudyPlan& plan, int round);

// The arguments of `convoy train` for one process: everything but --out. With a launcher --ranks is
// not among them: the launcher starts the ranks.
std::vector<std::string> train_words(const StudyPlan& plan, const Configuration& which);
// The launcher's words with {ranks} and {threads} filled in; empty if there is no launcher.
std::vector<std::string> launcher_words(const StudyPlan& plan, const Configuration& which);

}  // namespace convoy::study
