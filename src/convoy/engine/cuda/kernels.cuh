// SPDX-License-Identifier: Apache-2.0
// The kernels of the CUDA engine: what threads do with a program and the state of a run
// (program.hpp).
//
//   run_code_kernel     one code of a step, by all threads of the device
//   finish_step_kernel  the tally of a step, and whether another one follows
//   run_steps_kernel    many steps: each block takes a sample at a time through all codes in its
//                       shared memory; behind a barrier of the grid every thread sums the gradients
//                       of its parameters and updates them; behind another, the next step
//   update_kernel       the update where the host had to finish the sum (many ranks)
#pragma once

#include "convoy/engine/cuda/program.hpp"
#include "convoy/ops/cuda/loss.cuh"
#include "convoy/ops/cuda/run_task.cuh"

namespace convoy::cuda {

// Some samples of this rank's part of a step.
struct Lot {
  int first = 0, count = 0;
};

__device__ inline const Part& part_of_step(const Run& run, int step) {
  return run.samples - Index{step} * run.batch >= run.batch ? run.full : run.last;
}

template <class T>
__device__ T* at(const Operand& operand, const Memories& memories) {
  return reinterpret_cast<T*>(resolve(operand, memories));
}

// A thread takes one number at a time: a byte read, a float written; neighbours side by side.
__device__ inline void fill(const Program& program, const Run& run, int step, const Lot& lot,
                            const Memories& memories, const Group& group) {
  const Images& images = run.images;
  float* const x = at<float>(program.ends.input, memories);
  int* const labels = at<int>(program.ends.labels, memories);
  const std::uint32_t* const order =
      run.order + Index{step} * run.batch + part_of_step(run, step).first + lot.first;
  const int size = lot.count * images.image;
  for (int i = group.rank; i < size; i += group.size) {
    const int sample = i / images.image, element = i - sample * images.image;
    const std::uint8_t byte = images.pixels[Index{order[sample]} * images.image + element];
    x[i] = images.table[element % images.table_rows * 256 + byte];
  }
  for (int i = group.rank; i < lot.count; i += group.size) labels[i] = images.labels[order[i]];
}

__device__ inline LossArrays loss_arrays(const Program& program, const Lot& lot,
                                         const Memories& memories) {
  const Ends& ends = program.ends;
  LossArrays arrays;
  arrays.logits = at<float>(ends.logits, memories);
  arrays.labels = at<int>(ends.labels, memories);
  arrays.exponentials = at<float>(ends.exponentials, memories);
  arrays.terms = at<double>(ends.terms, memories);
  arrays.dlogits = at<float>(ends.dlogits, memories);
  arrays.losses = program.results.losses + lot.first;
  arrays.predictions = program.results.predictions + lot.first;
  arrays.hits = program.results.hits + lot.first;
  if (program.results.probabilities) {
    arrays.probabilities = program.results.probabilities + lot.first * program.loss.classes;
  }
  return arrays;
}

// The gradient of one parameter; and its update, unless other ranks have a part in it.
__device__ inline void sum_parameter(const Program& program, Run& run, int step, int current,
                                     const ParameterSource& source, int element,
                                     const Memories& memories) {
  const Part& part = part_of_step(run, step);
  const Samples samples{part.samples, program.grain};
  if (program.node_sums) {
    sum_grains(source, element, memories, samples, part.grains, [&](int node, float value) {
      program.node_sums[node * program.arena + source.begin + element] = value;
    });
    return;
  }
  const Generation& now = program.generations[current];
  const Generation& next = program.generations[1 - current];
  const UpdateArrays arrays{now.parameters, next.parameters, next.packed, now.velocity,
                            next.velocity};
  const float scale = static_cast<float>(1.0 / static_cast<double>(part.batch));
  sum_grains(source, element, memories, samples, part.grains, [&](int, float value) {
    if (!update(program.sgd, source, element, value, scale, run.rates[step], arrays)) {
      run.bad_step = step;
    }
  });
}

__device__ inline void run_code(const Program& program, Run& run, int step, int current,
                                const Code& code, const Lot& lot, const Memories& memories,
                                const Group& group) {
  switch (code.kind) {
    case CodeKind::fill:
      return fill(program, run, step, lot, memories, group);
    case CodeKind::task:
      return run_task(program.tasks[code.index], memories, {lot.count, program.grain}, group);
    case CodeKind::loss_terms:
      return loss_terms(program.loss, loss_arrays(program, lot, memories), lot.count, group);
    case CodeKind::loss_gradient:
      return loss_gradient(program.loss, loss_arrays(program, lot, memories), lot.count, group);
    case CodeKind::loss_sum:
      return loss_sum(program.loss, loss_arrays(program, lot, memories), lot.count, group);
    case CodeKind::sum: {
      const ParameterSource& source = program.sources[code.index];
      const int size = static_cast<int>(source.size());
      for (int i = group.rank; i < size; i += group.size) {
        sum_parameter(program, run, step, current, source, i, memories);
      }
      return;
    }
  }
}

// The tally of a step, by one thread: losses of a grain in the order of its samples, then the tree.
__device__ inline void tally(const Program& program, Run& run, int step) {
  constexpr int kMostDepth = 64;
  const Part& part = part_of_step(run, step);
  double losses[kMostDepth];
  long long correct = 0;
  int depth = 0;
  for (int grain = 0; grain < part.grains.count; ++grain) {
    const int begin = grain * program.grain;
    const int end = std::min(begin + program.grain, part.samples);
    double loss = 0;
    for (int s = begin; s < end; ++s) {
      loss += program.results.losses[s];
      correct += program.results.hits[s];
    }
    if (!(loss - loss == 0)) run.bad_step = step;  // infinite or NaN
    losses[depth++] = loss;
    for (int merges = part.grains.merges[grain]; merges > 0; --merges) {
      --depth;
      losses[depth - 1] += losses[depth];
    }
  }
  run.losses[step] = losses[0];
  run.correct[step] = correct;
}

__device__ inline Memories memories_of(const Program& program, int current) {
  Memories memories = program.memories;
  memories.at[static_cast<int>(Memory::parameters)] = program.generations[current].parameters;
  memories.at[static_cast<int>(Memory::packed)] = program.generations[current].packed;
  return memories;
}

// What was launched for steps that are not done, because the run ended before them, does nothing.
__global__ void run_code_kernel(const Program* program, Run* run, int code) {
  if (run->outcome != RunOutcome::running) return;
  const Memories memories = memories_of(*program, run->current);
  const Lot lot{0, part_of_step(*run, run->step).samples};
  run_code(*program, *run, run->step, run->current, program->codes[code], lot, memories,
           grid_group());
}

// By one thread.
__global__ void finish_step_kernel(const Program* program, Run* run, gpu::Condition again,
                                   int in_loop) {
  if (run->outcome != RunOutcome::running) {
    if (in_loop) gpu::set_condition(again, false);
    return;
  }
  tally(*program, *run, run->step);
  if (run->bad_step == run->step) {
    run->outcome = RunOutcome::not_finite;
  } else {
    run->current = 1 - run->current;
    ++run->step;
    if (*run->stop) run->outcome = RunOutcome::stopped;
  }
  if (in_loop) {
    gpu::set_condition(again, run->outcome == RunOutcome::running && run->step < run->limit);
  }
}

// One parameter a thread.
__global__ void update_kernel(const Program* program, Run* run, const float* sums, int batch) {
  const Generation& now = program->generations[run->current];
  const Generation& next = program->generations[1 - run->current];
  const UpdateArrays arrays{now.parameters, next.parameters, next.packed, now.velocity,
                            next.velocity};
  const float scale = static_cast<float>(1.0 / static_cast<double>(batch));
  const Group group = grid_group();
  for (int s = 0; s < program->source_count; ++s) {
    const ParameterSource& source = program->sources[s];
    for (int i = group.rank; i < source.size(); i += group.size) {
      const float sum = sums[source.begin + i];
      if (!update(program->sgd, source, i, sum, scale, run->rates[run->step], arrays)) {
        run->bad_step = run->step;
      }
    }
  }
}

// What a block of run_steps_kernel has in its shared memory, before tasks, codes and workspace.
struct BlockState {
  Program program;
  Memories memories;
};

template <class T>
__device__ const T* copy_shared(const T* from, int count, std::byte*& to, const Group& block) {
  static_assert(sizeof(T) % sizeof(int) == 0);
  const int words = count * static_cast<int>(sizeof(T) / sizeof(int));
  auto* const copied = reinterpret_cast<int*>(to);
  for (int i = block.rank; i < words; i += block.size) {
    copied[i] = reinterpret_cast<const int*>(from)[i];
  }
  to += shared_size(sizeof(T) * static_cast<std::size_t>(count));
  return reinterpret_cast<const T*>(copied);
}

// All parameters at once, so that no thread waits for the end of another block of them.
__device__ inline void sum_all(const Program& program, Run& run, int step, int current,
                               const Memories& memories, const Group& grid) {
  Index all = 0;
  for (int s = 0; s < program.source_count; ++s) all += program.sources[s].size();
  for (Index i = grid.rank; i < all; i += grid.size) {
    int s = 0;
    Index element = i;
    while (element >= program.sources[s].size()) element -= program.sources[s++].size();
    sum_parameter(program, run, step, current, program.sources[s], static_cast<int>(element),
                  memories);
  }
}

// The samples of a step that are this block's, one after the other.
__device__ inline void run_samples(BlockState& state, Run& run, int step, int current,
                                   float* workspace, const Group& block) {
  const Program& program = state.program;
  const Part& part = part_of_step(run, step);
  for (int sample = static_cast<int>(blockIdx.x); sample < part.samples;
       sample += static_cast<int>(gridDim.x)) {
    if (block.rank == 0) {
      state.memories = memories_of(program, current);
      state.memories.at[static_cast<int>(Memory::workspace)] = workspace;
      state.memories.at[static_cast<int>(Memory::partials)] += sample * program.sample_partials;
      state.memories.at[static_cast<int>(Memory::kept)] += sample * program.sample_kept;
    }
    __syncthreads();
    for (int code = 0; code < program.code_count; ++code) {
      run_code(program, run, step, current, program.codes[code], {sample, 1}, state.memories,
               block);
      if (program.codes[code].meets) __syncthreads();
    }
  }
}

__global__ void __launch_bounds__(512) run_steps_kernel(const Program* program, Run* run) {
  const Group block = block_group(), grid = grid_group();
  std::byte* memory = gpu::shared_memory<std::byte>();
  auto& state = *reinterpret_cast<BlockState*>(memory);
  memory += shared_size(sizeof(BlockState));
  const Task* const tasks = copy_shared(program->tasks, program->task_count, memory, block);
  const Code* const codes = copy_shared(program->codes, program->code_count, memory, block);
  const ParameterSource* const sources =
      copy_shared(program->sources, program->source_count, memory, block);
  if (block.rank == 0) {
    state.program = *program;
    state.program.tasks = tasks;
    state.program.codes = codes;
    state.program.sources = sources;
  }
  // (Nobody reads any of it before the next barrier.)
  auto* const workspace = reinterpret_cast<float*>(memory);
  int step = run->step, current = run->current;
  RunOutcome outcome = RunOutcome::running;
  while (step < run->limit && outcome == RunOutcome::running) {
    run_samples(state, *run, step, current, workspace, block);
    gpu::grid_barrier();
    sum_all(state.program, *run, step, current, memories_of(state.program, current), grid);
    if (grid.rank == grid.size - 1) {
      tally(state.program, *run, step);
      if (*run->stop) run->stop_step = step;
    }
    gpu::grid_barrier();
    if (run->bad_step == step) {
      outcome = RunOutcome::not_finite;
    } else {
      if (run->stop_step == step) outcome = RunOutcome::stopped;
      ++step;
      current = 1 - current;
    }
  }
  if (grid.rank == 0) {
    run->step = step;
    run->current = current;
    run->outcome = outcome;
  }
}

}  // namespace convoy::cuda
