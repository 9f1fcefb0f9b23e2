// SPDX-License-Identifier: Apache-2.0
// An image as one row (ops/flatten.hpp), one number at a time as in activation.cuh. Grid: any.
#pragma once

#include "ops/cuda/group.cuh"
#include "ops/cuda/product.hpp"
#include "ops/flatten.hpp"
#include "ops/pass.hpp"

namespace convoy::cuda {

struct Flattening {
  int size = 1;  // numbers of a sample
};

inline Flattening in_32_bits(const Flatten& op) {
  return {in_32_bits(op.in.size())};
}

__device__ inline void forward(const Flattening& op, const Forward<float>& pass,
                               const Group& group) {
  const int size = static_cast<int>(pass.samples * op.size);
  for (int i = group.rank; i < size; i += group.size) pass.y[i] = pass.x[i];
}

__device__ inline void input_gradient(const Flattening& op, const InputGradient<float>& pass,
                                      const Group& group) {
  const int size = static_cast<int>(pass.samples * op.size);
  for (int i = group.rank; i < size; i += group.size) pass.dx[i] = pass.dy[i];
}

}  // namespace convoy::cuda
