// SPDX-License-Identifier: Apache-2.0
// Turns a pass of an operation into the tasks that a GPU runs for it. The functions are pure and
// run on the host.
#pragma once

#include <vector>

#include "ops/cuda/task.hpp"

namespace convoy::cuda {

// Where the values of a pass lie. Operands that the pass does not need keep their default.
struct Operands {
  Operand x, other, parameters, packed, y, argmax, dy, dx;
  Operand bordered_x, bordered_dy;  // of a convolution: copies with a border, where one is needed
  Operand partials;                 // of a weight gradient
};

// The threads among which the tasks are divided, and the samples.
struct Work {
  Index samples = 1;  // for which the launch is made
  Index grain = 1;
  Index threads = 1;
};

// A task, and whether a barrier must follow it because the next task reads what it wrote.
struct Step {
  Task task;
  bool barrier_after = true;
};
using Steps = std::vector<Step>;

Steps forward(const Op& op, const Operands& operands, const Work& work);
Steps input_gradient(const Op& op, const Operands& operands, const Work& work);

// The partial sums from which a weight gradient is added up, in order: `count` of them for each
// sample or grain, [partial][parameter block].
struct Partials {
  bool by_grain = false;
  int count = 1;
  Index size = 0;  // floats for each sample or grain
};
Partials partials_of(const Op& op, const Work& work);  // Conv2d, Subsample
Steps weight_gradient(const Op& op, const Operands& operands, const Work& work);

// Floats per sample for the copies with a border; 0 where none is needed.
Index bordered_x_size(const Op& op);
Index bordered_dy_size(const Op& op);

}  // namespace convoy::cuda
