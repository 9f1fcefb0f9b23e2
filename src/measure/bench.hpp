// SPDX-License-Identifier: Apache-2.0
// Measures a machine's limits and how near a model's stages and whole steps come to them. The
// measurements alternate in rounds, so that a slow minute of a shared machine affects all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "measure/stages.hpp"
#include "net/model_file.hpp"
#include "runtime/cuda_engine.hpp"
#include "runtime/engine.hpp"

namespace convoy::measure {

inline constexpr int kRounds = 5;

// Statistics of several times. The least is the best estimate: a shared machine only adds time.
struct Spread {
  double lowest = 0, median = 0, highest = 0;
};
Spread spread_of(std::vector<double> values);

// The most that this number of threads reaches together: the highest of all rounds.
struct Limits {
  int threads = 1;
  double flops_per_second = 0;
  struct Bandwidth {
    std::string level;  // "memory", "L2", "L1": the level that holds the vectors
    Index bytes = 0;    // of the vectors of all threads together
    double bytes_per_second = 0;
  };
  std::vector<Bandwidth> bandwidths;  // the slowest first

  // Takes the higher values of `fewer`: more threads reach at least what fewer threads did, even if
  // other programs used the cores during their rounds.
  void raise_to(const Limits& fewer);
};

struct StageResult {
  StageFacts facts;
  Spread seconds;                         // of a step of one worker; on a GPU: of its kernels
  std::optional<StageLaunches> launches;  // on a GPU
};

struct StepResult {
  int threads = 1;
  Spread seconds;
  std::optional<Launching> launching;  // on a GPU
  double launches_per_step = 0;
};

// A way of launching that does not suit the net.
struct LeftOut {
  Launching launching;
  std::string reason;
};

struct BenchResult {
  std::vector<Limits> limits;  // of one thread, and of all if there are more
  Index microbatch = 0;        // samples that one worker takes through the stages at once
  std::vector<StageResult> stages;
  Index step_flops = 0, step_bytes = 0;
  std::vector<StepResult> steps;  // with the threads of `limits`
  std::string isa;
  std::vector<std::string> warnings;
  std::optional<CudaDevice> gpu;  // if the device was a GPU
  std::vector<LeftOut> left_out;
};

// Bytes that a step moves: those of its stages, and those of the update, which reads weights and
// gradients and writes weights, and reads and writes the slots of the optimizer.
Index bytes_of_step(const ModelFile& model, const std::vector<StageResult>& stages);

// Makes images of the shape that the net reads; no file is read.
Dataset images_for(const Net& net);

// Benchmarks the CPU. Takes about `seconds`, or longer if one round needs more. `options` are those
// of training; `heard` is called at the beginning of each round with its number, from 0. Throws the
// errors of engines.
BenchResult bench(const ModelFile& model, const Dataset& data, const EngineOptions& options,
                  double seconds, const std::function<void(int round)>& heard);

}  // namespace convoy::measure
