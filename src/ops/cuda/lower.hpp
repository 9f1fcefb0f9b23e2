// SPDX-License-Identifier: Apache-2.0
// From a pass of an operation to the tasks that do it on a GPU. Pure, and on the host.
#pragma once

#include <vector>

#include "ops/cuda/task.hpp"

namespace convoy::cuda {

// Where the values of a pass lie; what it does not need stays as it is.
struct Places {
  Operand x, other, parameters, packed, y, choice, dy, dx;
  Operand bordered_x, bordered_dy;  // of a convolution: copies with a border, where one is needed
  Operand partials;                 // of a weight gradient
};

// Who will share the tasks.
struct Work {
  Index samples = 1;  // that the launch is made for
  Index grain = 1;
  Index threads = 1;
};

// A task, and whether all threads must meet behind it: the next one reads what it wrote.
struct Step {
  Task task;
  bool meets = true;
};
using Steps = std::vector<Step>;

Steps forward(const Op& op, const Places& places, const Work& work);
Steps input_gradient(const Op& op, const Places& places, const Work& work);

// Of a weight gradient what its sums are added up from, in order: `count` partial sums for each
// sample or grain, [partial][parameter block].
struct Partials {
  bool by_grain = false;
  int count = 1;
  Index size = 0;  // floats for each sample or grain
};
Partials partials_of(const Op& op, const Work& work);  // Conv2d, Subsample
Steps weight_gradient(const Op& op, const Places& places, const Work& work);

// Floats of the copies with a border that a sample needs; 0: none.
Index bordered_x_size(const Op& op);
Index bordered_dy_size(const Op& op);

}  // namespace convoy::cuda
