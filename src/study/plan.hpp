// SPDX-License-Identifier: Apache-2.0
// What a study is going to do: experiments, each a list of layouts of one training problem. A study
// file says it in TOML (docs/formats.md lists every key); so does the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "base/tensor.hpp"

namespace convoy::study {

// RANKSxTHREADS, at most 2^20 workers.
struct Grid {
  int ranks = 1;
  int threads = 1;

  int workers() const { return ranks * threads; }
  friend bool operator==(const Grid&, const Grid&) = default;
};
std::string to_string(const Grid& grid);  // "2x1"
// Throws UserError(usage) where the text is no layout.
Grid parse_grid(std::string_view text);

// strong: the same problem, whoever works on it. weak: `batch` samples a step for each worker, so
// that the problem grows with them (and becomes another one).
enum class Scaling { strong, weak };
std::string_view to_string(Scaling scaling);

inline constexpr std::string_view kOwnShards = "shards";  // as many as workers

struct Experiment {
  std::string name;  // unique in a study
  Scaling scaling = Scaling::strong;
  std::vector<Grid> layouts;      // the serial one first: it is added where it is missing
  std::string ranks_by = "data";  // data | tensor
  std::string threads_by = "data";
  bool per_layer = false;      // every layer a stage of its own, and its time shown
  std::optional<Index> batch;  // none: the model file's
  std::optional<Index> epochs;
  std::optional<Index> limit;    // of training images
  std::string order;             // "": the model file's; kOwnShards, or as of train
  std::vector<std::string> set;  // overrides of the model file

  friend bool operator==(const Experiment&, const Experiment&) = default;
};

struct StudyPlan {
  std::string name;
  std::string model = "tiny-relu";
  std::string data = "fashion-mnist";
  std::string device = "cpu";  // cuda: a GPU for each rank
  int repeats = 5;
  std::uint64_t seed = 1;                 // of the order of runs
  std::optional<double> target_accuracy;  // none: what every run of an experiment reaches
  std::string launcher;  // "srun --mpi=pmix -n {ranks} -c {threads}"; "": convoy train --ranks
  std::vector<Experiment> experiments;

  friend bool operator==(const StudyPlan&, const StudyPlan&) = default;
};

// Adds what is left out (the serial layout) and refuses what makes no study: throws
// UserError(fault), with `source` in front, where there is no experiment, no name or one like
// another's (their files would have one name), a layout twice, layers in weak scaling, threads or
// tensors on GPUs, or a launcher without {ranks}.
void complete(StudyPlan& plan, std::string_view source, Fault fault);

// For names of files and ids: lower-case letters, digits and hyphens.
std::string slug(std::string_view text);

// Whether a .toml file is a study and not a model: it has experiments, or no layers. Throws like
// parse_plan() where it is not TOML.
bool is_plan(std::string_view text, std::string_view source);
// A study file. Throws UserError(bad_data) with the line; unknown keys are errors.
StudyPlan parse_plan(std::string_view text, std::string_view source);

// One process to be run, again and again.
struct Configuration {
  std::size_t experiment = 0, layout = 0;
};
std::vector<Configuration> configurations(const StudyPlan& plan);

// The order of a round (from 1): a permutation that the seed and the round determine.
std::vector<Configuration> shuffled_round(const StudyPlan& plan, int round);

// Words of `convoy train` behind the program, for one process: everything but --out. With a
// launcher, no --ranks: the launcher starts them.
std::vector<std::string> train_words(const StudyPlan& plan, const Configuration& which);
// The launcher's words with {ranks} and {threads} filled in; empty where there is none.
std::vector<std::string> launcher_words(const StudyPlan& plan, const Configuration& which);

}  // namespace convoy::study
