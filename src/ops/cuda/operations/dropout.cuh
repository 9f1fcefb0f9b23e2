// SPDX-License-Identifier: Apache-2.0
// Dropout (ops/dropout.hpp) on a GPU. A thread computes one number at a time, and the random bits
// of its element. Neighbouring threads use neighbouring addresses. Grid: any.
#pragma once

#include "ops/cuda/group.cuh"
#include "ops/cuda/product.hpp"
#include "ops/dropout.hpp"

namespace convoy::cuda {

struct DropoutForm {
  Dropping dropping;
  int size = 1;  // numbers of a sample
};

inline DropoutForm in_32_bits(const Dropout& op) {
  return {dropping_of(op), in_32_bits(op.in.size())};
}

__device__ inline void drop(const DropoutForm& op, const StepContext& context, int samples,
                            const float* from, float* to, const Group& group) {
  const RandomStream stream = dropout_stream(context);
  for (int i = group.rank; i < samples * op.size; i += group.size) {
    const int sample = i / op.size;
    if (!context.is_training) {
      to[i] = from[i];
      continue;
    }
    const auto element = static_cast<std::uint64_t>(i - sample * op.size);
    const bool is_kept =
        random_bits(stream, context.samples[sample], element) >= op.dropping.threshold;
    to[i] = is_kept ? from[i] * op.dropping.scale : 0.0F;
  }
}

__device__ inline void forward(const DropoutForm& op, const Forward<float>& pass,
                               const Group& group) {
  drop(op, pass.context, static_cast<int>(pass.samples), pass.x, pass.y, group);
}

__device__ inline void input_gradient(const DropoutForm& op, const InputGradient<float>& pass,
                                      const Group& group) {
  drop(op, pass.context, static_cast<int>(pass.samples), pass.dy, pass.dx, group);
}

}  // namespace convoy::cuda
