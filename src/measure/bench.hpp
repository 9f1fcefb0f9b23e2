// SPDX-License-Identifier: Apache-2.0
// A machine's limits and how near to them a model comes: its stages, and whole steps. Everything is
// measured in rounds that alternate, so that a slow minute of a shared machine meets all of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "measure/stages.hpp"
#include "net/model_file.hpp"
#include "runtime/engine.hpp"

namespace convoy::measure {

inline constexpr int kRounds = 5;

// Of several times: a shared machine only ever adds to them.
struct Spread {
  double lowest = 0, median = 0, highest = 0;
};
Spread spread_of(std::vector<double> values);

// What so many threads together reach at most: the highest of all rounds.
struct Limits {
  int threads = 1;
  double flops_per_second = 0;
  struct Bandwidth {
    std::string level;  // "memory", "L2", "L1": where the vectors lie
    Index bytes = 0;    // of the vectors of all threads together
    double bytes_per_second = 0;
  };
  std::vector<Bandwidth> bandwidths;  // the slowest first

  // More threads can do what fewer did, even where others had the cores in their turn.
  void raise_to(const Limits& fewer);
};

struct StageResult {
  StageFacts facts;
  Spread seconds;                         // of a step of one worker; on a GPU of its kernels
  std::optional<StageLaunches> launches;  // on a GPU
};

struct StepResult {
  int threads = 1;
  Spread seconds;
  std::optional<Launching> launching;  // on a GPU
  double launches_per_step = 0;
};

// A way of launching that the net does not fit.
struct LeftOut {
  Launching launching;
  std::string reason;
};

struct BenchResult {
  std::vector<Limits> limits;  // of one thread, and of all where there are more
  Index slab = 0;              // samples that one worker takes through the stages at a time
  std::vector<StageResult> stages;
  Index step_flops = 0, step_bytes = 0;
  std::vector<StepResult> steps;  // with the threads of `limits`
  std::string isa;
  std::vector<std::string> warnings;
  std::optional<CudaDevice> gpu;  // where it was one
  std::vector<LeftOut> left_out;
};

// Bytes of a step: those of its stages; the update reads weights and gradients and writes weights,
// and reads and writes velocities where there is momentum.
Index bytes_of_step(const ModelFile& model, const std::vector<StageResult>& stages);

// Images of the shape that the net reads, made and not read.
Dataset images_for(const Net& net);

// Of the CPU. Takes about `seconds`, more where one round of it needs more. `options` as for
// training; `heard` is told each round as it begins, from 0. Throws as engines do.
BenchResult bench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
                  double seconds, const std::function<void(int round)>& heard);

}  // namespace convoy::measure
