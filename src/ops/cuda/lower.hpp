// SPDX-License-Identifier: Apache-2.0
// Turns a pass of an operation into the tasks that a GPU runs for it. The functions are pure and
// run on the host. Those that return steps throw UserError(unavailable) for an operation that has
// neither products nor kernels.
#pragma once

#include <vector>

#include "ops/cuda/task.hpp"

namespace convoy::cuda {

// A task, and whether a barrier must follow it because the next task reads what it wrote.
struct Step {
  Task task;
  bool barrier_after = true;
};
using Steps = std::vector<Step>;

Steps forward(const Op& op, const Operands& operands, const Work& work);
Steps input_gradient(const Op& op, const Operands& operands, const Work& work);
Steps weight_gradient(const Op& op, const Operands& operands, const Work& work);

Partials partials_of(const Op& op, const Work& work);  // of an operation with a weight gradient

// Floats per sample for the copies with a border; 0 where none is needed.
Index bordered_x_size(const Op& op);
Index bordered_dy_size(const Op& op);

}  // namespace convoy::cuda
