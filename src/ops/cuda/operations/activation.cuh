// SPDX-License-Identifier: Apache-2.0
// Activations (ops/activation.hpp). A thread computes one number at a time and reads each input
// once. The kernels are bound by bandwidth; neighbouring threads use neighbouring addresses. Grid:
// any.
#pragma once

#include "ops/cuda/group.cuh"
#include "ops/cuda/product.hpp"
#include "ops/math_functions.hpp"
#include "ops/pass.hpp"

namespace convoy::cuda {

struct Elementwise {
  ActivationFunction function = ActivationFunction::relu;
  int size = 1;  // numbers of a sample
};

inline Elementwise in_32_bits(const Activation& op) {
  return {op.function, in_32_bits(op.in.size())};
}

__device__ inline void forward(const Elementwise& op, const Forward<float>& pass,
                               const Group& group) {
  const int size = static_cast<int>(pass.samples * op.size);
  for (int i = group.rank; i < size; i += group.size) {
    const float x = pass.x[i];
    pass.y[i] = op.function == ActivationFunction::relu      ? (x > 0 ? x : 0.0F)
                : op.function == ActivationFunction::sigmoid ? math::sigmoid_of(x)
                                                             : math::tanh_of(x);
  }
}

__device__ inline void input_gradient(const Elementwise& op, const InputGradient<float>& pass,
                                      const Group& group) {
  const int size = static_cast<int>(pass.samples * op.size);
  for (int i = group.rank; i < size; i += group.size) {
    const float y = pass.y[i], dy = pass.dy[i];
    pass.dx[i] = op.function == ActivationFunction::relu      ? (y > 0 ? dy : 0.0F)
                 : op.function == ActivationFunction::sigmoid ? dy * (y * (1 - y))
                                                              : dy * std::fma(-y, y, 1.0F);
  }
}

}  // namespace convoy::cuda
