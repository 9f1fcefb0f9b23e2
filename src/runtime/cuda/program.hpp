// SPDX-License-Identifier: Apache-2.0
// What the kernels of the CUDA engine read and write: a program, which stays as it is, and the
// state of a run, which they advance. Both lie on the device; the host prepares them.
#pragma once

#include <cstdint>

#include "ops/cuda/gradient_sum.cuh"
#include "ops/cuda/task.hpp"
#include "ops/loss.hpp"
#include "optim/sgd.hpp"

namespace convoy::cuda {

enum class CodeKind : int {
  fill,        // bytes of the samples become the net's input
  task,        // `index` into the tasks
  loss_terms,  // the three parts of the loss
  loss_gradient,
  loss_sum,
  sum,  // the gradient of source `index` over the grains, and the update where nobody
        // else has a part of it
};

// A step is a list of codes; what follows a code that `meets` may read what it wrote.
struct Code {
  CodeKind kind = CodeKind::task;
  int index = 0;
  bool meets = true;
  int stage = -1;  // of the plan, as stage_number() counts; -1: the input is filled
};

// Where the loss finds its values, and fill puts them.
struct Ends {
  Operand input, labels, logits, dlogits, exponentials, terms;
};

// The images of a data set.
struct Images {
  const std::uint8_t* pixels = nullptr;  // [sample][image]
  const std::uint8_t* labels = nullptr;
  const float* table = nullptr;  // [channels or 1][256]: what a byte becomes
  int image = 0;                 // bytes
  int table_rows = 1;
};

// The part of a batch that this rank computes.
struct Part {
  int batch = 0;  // samples of the whole batch
  int first = 0;  // in the batch
  int samples = 0;
  float scale = 1;  // 1 / batch (optim/sgd.hpp)
  Grains grains;
};

// What happened to each sample of the part, and to the caller's scores.
struct Results {
  double* losses = nullptr;
  int* predictions = nullptr;
  int* hits = nullptr;
  float* probabilities = nullptr;  // [sample][classes], or null
};

struct Generation {
  float* parameters = nullptr;
  float* packed = nullptr;
  float* velocity = nullptr;
};

struct Program {
  const Code* codes = nullptr;
  int code_count = 0;
  const Task* tasks = nullptr;
  int task_count = 0;
  const ParameterSource* sources = nullptr;
  int source_count = 0;
  Ends ends;
  Loss loss;
  Sgd sgd;
  int grain = 1;

  Memories memories;                           // but for the generation's
  Index sample_partials = 0, sample_kept = 0;  // floats of a sample, where blocks take one each
  Generation generations[2];
  float* node_sums = nullptr;  // [node][arena], where other ranks have parts of the sum
  Index arena = 0;
  Results results;
};

// Bytes of a piece of a block's shared memory.
CONVOY_HOST_DEVICE constexpr std::size_t shared_size(std::size_t bytes) {
  return (bytes + 15) / 16 * 16;
}

enum class RunOutcome : int { running, stopped, not_finite };

// What a stretch reads, and where it notes what came of each step.
struct StretchInput {
  Images images;
  const std::uint32_t* order = nullptr;  // of the samples of the stretch's steps
  Part full, last;                       // `last`: of the step whose batch is shorter
  int batch = 0;
  Index samples = 0;                   // of all steps
  const float* rates = nullptr;        // [step]
  const volatile int* stop = nullptr;  // of the host: set to leave after the step
  double* losses = nullptr;            // [step]
  long long* correct = nullptr;        // [step]
};

// A stretch, and how far it has come.
struct Run {
  StretchInput input;
  int step = 0, limit = 0;            // the next step; where this launch ends
  int current = 0;                    // generation
  int bad_step = -1, stop_step = -1;  // the last one that was not finite; that a stop was seen in
  RunOutcome outcome = RunOutcome::running;
};

}  // namespace convoy::cuda
