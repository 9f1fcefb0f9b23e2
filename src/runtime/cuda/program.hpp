// SPDX-License-Identifier: Apache-2.0
// The data of the CUDA engine's kernels: a program, which is constant, and the state of a run,
// which they advance. Both are in the memory of the device; the host prepares them.
#pragma once

#include <cstdint>

#include "ops/cuda/task.hpp"
#include "ops/cuda/whole_gradient.cuh"
#include "ops/loss.hpp"
#include "ops/normalize.hpp"
#include "runtime/cuda/statistics.cuh"

namespace convoy::cuda {

enum class CodeKind : int {
  fill,          // converts the bytes of the samples to the net's input
  task,          // runs task number `index`
  loss_largest,  // this one and the next four: the parts of the loss (ops/cuda/loss.cuh)
  loss_terms,
  loss_totals,
  loss_gradient,
  loss_sum,
  reduction,  // finishes reduction `index` over the grains
  sum,  // sums the gradient of source `index` over the grains; also updates the weights, where the
        // step has no codes for that
  // The codes of an update, for all sources: where a weight cannot be updated as soon as its
  // gradient is summed (ops/cuda/whole_gradient.cuh; other ranks have a part of the sum).
  row_squares,
  tensor_squares,
  tensor_factors,
  momentum,  // of Muon's matrices, and the next one: X
  start_iterations,
  gram,        // iteration `index`
  polynomial,  // likewise
  iterate,     // likewise
  update,
};

// A step is a list of codes. After a code with `barrier_after`, later codes may read what it wrote.
struct Code {
  CodeKind kind = CodeKind::task;
  int index = 0;
  bool barrier_after = true;
  int stage = kFillsInput;  // stage_number() in the plan, or one of these:
  static constexpr int kFillsInput = -1, kUpdates = -2;
};

// Where the net's input and the loss's values lie.
struct Ends {
  Operand input, labels, logits, dlogits, exponentials, terms, largest, totals;
};

// The samples of a data set: their pixels are bytes, or floats where `bytes` is null.
struct Images {
  const std::uint8_t* bytes = nullptr;  // [sample][image]
  const float* floats = nullptr;        // [sample][image]
  const Label* labels = nullptr;        // [sample]
  const float* table = nullptr;         // [formulas][256]: the value of each byte
  const Affine* affine = nullptr;       // [formulas]: the formula for floats
  int image = 0;                        // numbers
  int formulas = 1;                     // 1, or one for each channel
};

// The part of a batch that this rank computes.
struct Part {
  int batch = 0;  // samples of the whole batch
  int first = 0;  // in the batch
  int samples = 0;
  float scale = 1;  // 1 / batch (optim/update.hpp)
  Grains grains;
};

// The results of each sample of the part.
struct Results {
  double* losses = nullptr;
  int* predictions = nullptr;
  int* hits = nullptr;
  float* probabilities = nullptr;  // [sample][classes], or null
};

struct Generation {
  float* parameters = nullptr;
  float* packed = nullptr;
  float* slots[kMostSlots] = {};  // of the optimizer
  float* average = nullptr;       // of the weights; null where there is none
};

struct Program {
  const Code* codes = nullptr;
  int code_count = 0;
  const Code* update_codes = nullptr;  // after the sums of all sources
  int update_code_count = 0;
  const Task* tasks = nullptr;
  int task_count = 0;
  const ParameterSource* sources = nullptr;
  int source_count = 0;
  const StatisticsReduction* reductions = nullptr;
  int set_samples = 0, set_size = 0;  // Samples
  StatisticsMemory statistics;
  Ends ends;
  Loss loss;
  DeviceOptimizer optimizer;
  int grain = 1;

  Memories memories;                           // without those of a generation
  Index sample_partials = 0, sample_kept = 0;  // floats of a sample (Division::sample)
  Generation generations[2];
  float* subtree_sums = nullptr;  // [subtree][arena], where other ranks have parts of the sum
  WholeGradient whole;            // with codes of an update
  Index arena = 0;
  Results results;
};

// The bytes that an array takes in a block's shared memory: a multiple of 16.
CONVOY_HOST_DEVICE constexpr std::size_t shared_size(std::size_t bytes) {
  return (bytes + 15) / 16 * 16;
}

enum class RunOutcome : int { running, stopped, not_finite };

// The input of a step range, and the arrays for the results of its steps.
struct StepRangeInput {
  Images images;
  const std::uint32_t* order = nullptr;  // of the samples of the step range's steps
  Part full, last;                       // `last`: for a step whose batch is shorter
  int batch = 0;
  Index samples = 0;                     // of all steps
  const float* rates = nullptr;          // [step]
  const StepFactors* factors = nullptr;  // [step]
  const volatile int* stop = nullptr;    // the host sets it: stop after the step
  StepContext context = {};              // of the first step
  double* losses = nullptr;              // [step]
  long long* correct = nullptr;          // [step]
};

// A step range and its progress.
struct Run {
  StepRangeInput input;
  int step = 0, limit = 0;            // the next step; the step before which this launch ends
  int current = 0;                    // generation
  int bad_step = -1, stop_step = -1;  // the last step that was not finite; that saw `stop` set
  RunOutcome outcome = RunOutcome::running;
};

}  // namespace convoy::cuda
