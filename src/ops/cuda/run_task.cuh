// SPDX-License-Identifier: Apache-2.0
// Runs a task with all threads of a group.
#pragma once

#include "ops/cuda/elementwise.cuh"
#include "ops/cuda/pool2d.cuh"
#include "ops/cuda/product.cuh"
#include "ops/cuda/subsample.cuh"

namespace convoy::cuda {

template <class OpType>
__device__ void run_pass(const OpType& op, const Pass& pass, const Memories& memories,
                         const Samples& samples, const Group& group) {
  const auto at = [&](const Operand& operand) { return resolve(operand, memories); };
  const auto argmax = reinterpret_cast<Argmax*>(at(pass.argmax));
  if (pass.kind == PassKind::forward) {
    Forward<float> how;
    how.samples = samples.count;
    how.x = at(pass.x), how.other = at(pass.other), how.parameters = at(pass.parameters);
    how.y = at(pass.y), how.argmax = argmax;
    forward(op, how, group);
  } else if (pass.kind == PassKind::input_gradient) {
    InputGradient<float> how;
    how.samples = samples.count;
    how.dy = at(pass.dy), how.y = at(pass.y), how.parameters = at(pass.parameters);
    how.argmax = argmax, how.dx = at(pass.dx);
    input_gradient(op, how, group);
  }
}

__device__ inline void run(const Pass& pass, const Memories& memories, const Samples& samples,
                           const Group& group) {
  if (const auto* pool = std::get_if<Pooling2d>(&pass.op)) {
    run_pass(*pool, pass, memories, samples, group);
  } else if (const auto* activation = std::get_if<Elementwise>(&pass.op)) {
    run_pass(*activation, pass, memories, samples, group);
  } else if (const auto* add = std::get_if<Addition>(&pass.op)) {
    run_pass(*add, pass, memories, samples, group);
  } else if (const auto* subsample = std::get_if<Subsampling>(&pass.op)) {
    if (pass.kind == PassKind::weight_gradient) {
      weight_gradient(*subsample, resolve(pass.x, memories), resolve(pass.dy, memories),
                      resolve(pass.partials, memories), pass.partials.stride, samples, group);
    } else {
      run_pass(*subsample, pass, memories, samples, group);
    }
  }
}

__device__ inline void run_task(const Task& task, const Memories& memories, const Samples& samples,
                                const Group& group) {
  if (const auto* product = std::get_if<Product>(&task)) {
    run(*product, memories, samples, group);
  } else if (const auto* pass = std::get_if<Pass>(&task)) {
    run(*pass, memories, samples, group);
  } else if (const auto* border = std::get_if<Border>(&task)) {
    run(*border, memories, samples, group);
  } else if (const auto* copy = std::get_if<Copy>(&task)) {
    run(*copy, memories, samples, group);
  }
}

}  // namespace convoy::cuda
