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
  float negative_slope = 0;
};

inline Elementwise in_32_bits(const Activation& op) {
  return {op.function, in_32_bits(op.in.size()), static_cast<float>(op.negative_slope)};
}

__device__ inline float activated(const Elementwise& op, float x) {
  switch (op.function) {
    case ActivationFunction::relu:
      return x > 0 ? x : 0.0F;
    case ActivationFunction::sigmoid:
      return math::sigmoid_of(x);
    case ActivationFunction::tanh:
      return math::tanh_of(x);
    case ActivationFunction::leaky_relu:
      return x > 0 ? x : op.negative_slope * x;
    case ActivationFunction::silu:
      break;
  }
  return x * math::sigmoid_of(x);
}

// `value` is x for silu, and y for the others.
__device__ inline float activation_gradient(const Elementwise& op, float value, float dy) {
  switch (op.function) {
    case ActivationFunction::relu:
      return value > 0 ? dy : 0.0F;
    case ActivationFunction::sigmoid:
      return dy * (value * (1 - value));
    case ActivationFunction::tanh:
      return dy * std::fma(-value, value, 1.0F);
    case ActivationFunction::leaky_relu:
      return value > 0 ? dy : op.negative_slope * dy;
    case ActivationFunction::silu:
      break;
  }
  const float s = math::sigmoid_of(value);
  return dy * (s * std::fma(value, 1 - s, 1.0F));
}

__device__ inline void forward(const Elementwise& op, const Forward<float>& pass,
                               const Group& group) {
  const int size = static_cast<int>(pass.samples * op.size);
  for (int i = group.rank; i < size; i += group.size) {
    pass.y[i] = activated(op, pass.x[i]);
  }
}

__device__ inline void input_gradient(const Elementwise& op, const InputGradient<float>& pass,
                                      const Group& group) {
  const int size = static_cast<int>(pass.samples * op.size);
  const float* const values = op.function == ActivationFunction::silu ? pass.x : pass.y;
  for (int i = group.rank; i < size; i += group.size) {
    pass.dx[i] = activation_gradient(op, values[i], pass.dy[i]);
  }
}

}  // namespace convoy::cuda
