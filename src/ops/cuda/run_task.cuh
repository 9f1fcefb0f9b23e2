// SPDX-License-Identifier: Apache-2.0
// Runs a task with all threads of a group.
#pragma once

#include "ops/cuda/copy.cuh"
#include "ops/cuda/product.cuh"
#include "ops/cuda/task.hpp"

namespace convoy::cuda {

template <class OneForm>
__device__ void run_pass(const OneForm& op, const Pass& pass, const Memories& memories,
                         const Samples& samples, const Group& group) {
  const auto at = [&](const Operand& operand) { return resolve(operand, memories); };
  const auto argmax = reinterpret_cast<Argmax*>(at(pass.argmax));
  StepContext context = samples.context;
  context.layer = pass.layer;
  if (pass.kind == PassKind::forward) {
    Forward<float> how;
    how.samples = samples.count;
    how.x = at(pass.x), how.other = at(pass.other), how.parameters = at(pass.parameters);
    how.y = at(pass.y), how.argmax = argmax, how.context = context;
    if constexpr (requires { forward(op, how, samples, group); }) {
      forward(op, how, samples, group);
    } else {
      forward(op, how, group);
    }
  } else if (pass.kind == PassKind::input_gradient) {
    InputGradient<float> how;
    how.samples = samples.count;
    how.dy = at(pass.dy), how.y = at(pass.y), how.parameters = at(pass.parameters);
    how.argmax = argmax, how.x = at(pass.x), how.dx = at(pass.dx);
    how.context = context;
    if constexpr (requires { input_gradient(op, how, samples, group); }) {
      input_gradient(op, how, samples, group);
    } else {
      input_gradient(op, how, group);
    }
  } else {
    // (Only forms that have a weight gradient get such a pass: lower.cpp.)
    float* const partials = at(pass.partials);
    if constexpr (requires {
                    weight_gradient(op, partials, partials, partials, 0, samples, group);
                  }) {
      weight_gradient(op, at(pass.x), at(pass.dy), partials, pass.partials.stride, samples, group);
    }
  }
}

// Runs the pass of the form that the variant holds.
template <class... Forms>
__device__ void run_form(const std::variant<Forms...>& op, const Pass& pass,
                         const Memories& memories, const Samples& samples, const Group& group) {
  const auto run_if = [&](const auto* form) {
    if (form != nullptr) run_pass(*form, pass, memories, samples, group);
  };
  (run_if(std::get_if<Forms>(&op)), ...);
}

__device__ inline void run(const Pass& pass, const Memories& memories, const Samples& samples,
                           const Group& group) {
  run_form(pass.op, pass, memories, samples, group);
}

__device__ inline void run_task(const Task& task, const Memories& memories, const Samples& samples,
                                const Group& group) {
  if (const auto* product = std::get_if<Product>(&task)) {
    run(*product, memories, samples, group);
  } else if (const auto* pass = std::get_if<Pass>(&task)) {
    run(*pass, memories, samples, group);
  } else if (const auto* statistics = std::get_if<GrainStatistics>(&task)) {
    run(*statistics, memories, samples, group);
  } else if (const auto* border = std::get_if<Border>(&task)) {
    run(*border, memories, samples, group);
  } else if (const auto* copy = std::get_if<Copy>(&task)) {
    run(*copy, memories, samples, group);
  }
}

}  // namespace convoy::cuda
