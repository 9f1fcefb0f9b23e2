// SPDX-License-Identifier: Apache-2.0
// The kernels of the CUDA engine, which run a program and advance the state of a run (program.hpp).
//
//   run_code_kernel     Runs one code of a step on all threads of the device.
//   finish_step_kernel  Computes the metrics of a step, and whether another step follows.
//   run_steps_kernel    Runs many steps. Each block takes a sample at a time through all codes in
//                       its shared memory. After a barrier of the grid every thread sums the
//                       gradients of its parameters and updates them, or all run the codes of the
//                       update, each with a barrier after it; after another barrier the next step
//                       begins. (Grid: a block for each sample or, if these are more,
//                       for as many parameters as it has threads; at most the resident blocks;
//                       launched cooperatively. Traffic: a sample's bytes once, the weights once
//                       per block, the terms of gradients twice.)
//
// device_program.cu alone includes this file: kernels must be defined once.
#pragma once

#include "ops/cuda/loss.cuh"
#include "ops/cuda/run_task.cuh"
#include "runtime/cuda/update_codes.cuh"

namespace convoy::cuda {

// A range of samples of this rank's part of a step.
struct StepSamples {
  int first = 0, count = 0;
};

template <class T>
__device__ T* at(const Operand& operand, const Memories& memories) {
  return reinterpret_cast<T*>(resolve(operand, memories));
}

__device__ inline const std::uint32_t* samples_of_step(const StepRangeInput& input, int step,
                                                       const StepSamples& step_samples) {
  return input.order + Index{step} * input.batch + part_of_step(input, step).first +
         step_samples.first;
}

__device__ inline StepContext context_of(const StepRangeInput& input, int step,
                                         const StepSamples& step_samples) {
  StepContext context = input.context;
  context.step += step;
  context.samples = samples_of_step(input, step, step_samples);
  return context;
}

// A thread converts one element at a time: it reads a byte or a float and writes a float.
// Neighbouring threads take neighbouring elements.
__device__ inline void fill(const Program& program, const StepRangeInput& input, int step,
                            const StepSamples& step_samples, const Memories& memories,
                            const Group& group) {
  const Images& images = input.images;
  float* const x = at<float>(program.ends.input, memories);
  int* const labels = at<int>(program.ends.labels, memories);
  const std::uint32_t* const order = samples_of_step(input, step, step_samples);
  const int size = step_samples.count * images.image;
  for (int i = group.rank; i < size; i += group.size) {
    const int sample = i / images.image, element = i - sample * images.image;
    const Index pixel = Index{order[sample]} * images.image + element;
    const int formula = element % images.formulas;
    x[i] = images.bytes ? images.table[formula * 256 + images.bytes[pixel]]
                        : normalized(images.affine[formula], images.floats[pixel]);
  }
  for (int i = group.rank; i < step_samples.count; i += group.size)
    labels[i] = images.labels[order[i]];
}

__device__ inline LossArrays loss_arrays(const Program& program, const StepSamples& step_samples,
                                         const Memories& memories) {
  const Ends& ends = program.ends;
  LossArrays arrays;
  arrays.logits = at<float>(ends.logits, memories);
  arrays.labels = at<int>(ends.labels, memories);
  arrays.exponentials = at<float>(ends.exponentials, memories);
  arrays.terms = at<double>(ends.terms, memories);
  arrays.largest = at<float>(ends.largest, memories);
  arrays.totals = at<float>(ends.totals, memories);
  arrays.dlogits = at<float>(ends.dlogits, memories);
  arrays.losses = program.results.losses + step_samples.first;
  arrays.predictions = program.results.predictions + step_samples.first;
  arrays.hits = program.results.hits + step_samples.first;
  if (program.results.probabilities) {
    arrays.probabilities =
        program.results.probabilities + step_samples.first * program.loss.classes;
  }
  return arrays;
}

// Sums the gradient of one parameter, and updates it unless other ranks have a part of the sum or
// the update needs the gradients of others.
__device__ inline void sum_parameter(const Program& program, const StepRangeInput& input, Run& run,
                                     const StepNumber& number, const ParameterSource& source,
                                     int element, const Memories& memories) {
  const Part& part = part_of_step(input, number.step);
  const Samples samples{part.samples, program.grain};
  if (program.subtree_sums) {
    if (source.is_reduced) return;  // the host has it
    sum_grains(source, element, memories, samples, part.grains, [&](int subtree, float value) {
      program.subtree_sums[subtree * program.arena + source.begin + element] = value;
    });
    return;
  }
  const UpdateArrays arrays = update_arrays(program, number.current);
  const StepNumbers step{part.scale, input.rates[number.step], input.factors[number.step]};
  const auto use = [&](int, float value) {
    if (program.update_code_count > 0) {
      program.whole.gradient[source.begin + element] = value;
    } else if (!update(program.optimizer, source.update, source.packed,
                       parameter_of(source, element), value, step, arrays)) {
      run.bad_step = number.step;
    }
  };
  if (source.is_reduced) return use(0, program.statistics.gradients[source.begin + element]);
  sum_grains(source, element, memories, samples, part.grains, use);
}

// Finishes the statistics of a batch normalisation; also writes the running statistics of the next
// generation.
__device__ inline void reduce_statistics(const Program& program, const StepRangeInput& input,
                                         Run& run, const StepNumber& number,
                                         const StatisticsReduction& reduction, const Group& group) {
  const Part& part = part_of_step(input, number.step);
  const int first = part.first / program.grain;
  const BatchGrains batch{program.grain, part.batch, first, first + part.grains.count};
  if (!cuda::run(reduction, program.statistics, batch,
                 program.generations[number.current].parameters,
                 program.generations[1 - number.current].parameters, group)) {
    run.bad_step = number.step;
  }
}

__device__ inline void run_code(const Program& program, const StepRangeInput& input, Run& run,
                                const StepNumber& number, const Code& code,
                                const StepSamples& step_samples, const Memories& memories,
                                const Group& group) {
  switch (code.kind) {
    case CodeKind::fill:
      return fill(program, input, number.step, step_samples, memories, group);
    case CodeKind::task:
      return run_task(
          program.tasks[code.index], memories,
          {step_samples.count, program.grain, part_of_step(input, number.step).first,
           program.set_samples, program.set_size, context_of(input, number.step, step_samples)},
          group);
    case CodeKind::loss_largest:
      return loss_largest(program.loss, loss_arrays(program, step_samples, memories),
                          step_samples.count, group);
    case CodeKind::loss_terms:
      return loss_terms(program.loss, loss_arrays(program, step_samples, memories),
                        step_samples.count, group);
    case CodeKind::loss_totals:
      return loss_totals(program.loss, loss_arrays(program, step_samples, memories),
                         step_samples.count, group);
    case CodeKind::loss_gradient:
      return loss_gradient(program.loss, loss_arrays(program, step_samples, memories),
                           step_samples.count, group);
    case CodeKind::loss_sum:
      return loss_sum(program.loss, loss_arrays(program, step_samples, memories),
                      step_samples.count, group);
    case CodeKind::reduction:
      return reduce_statistics(program, input, run, number, program.reductions[code.index], group);
    case CodeKind::sum: {
      const ParameterSource& source = program.sources[code.index];
      const int size = static_cast<int>(source.size());
      for (int i = group.rank; i < size; i += group.size) {
        sum_parameter(program, input, run, number, source, i, memories);
      }
      return;
    }
    default:
      return run_update_code(program, input, run, number, code, group);
  }
}

// Computes the step metrics, on one thread. It adds the losses of a grain in the order of its
// samples, and those of the grains along the tree.
__device__ inline void compute_step_metrics(const Program& program, const StepRangeInput& input,
                                            Run& run, int step) {
  constexpr int kMostDepth = 64;
  const Part& part = part_of_step(input, step);
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
  input.losses[step] = losses[0];
  input.correct[step] = correct;
}

__device__ inline Memories memories_of(const Program& program, int current) {
  Memories memories = program.memories;
  memories.of(Memory::parameters) = program.generations[current].parameters;
  memories.of(Memory::packed) = program.generations[current].packed;
  memories.of(Memory::coefficients) = program.statistics.coefficients;
  memories.of(Memory::statistics) = reinterpret_cast<float*>(program.statistics.values);
  return memories;
}

// `code`: of the step's codes and then of the update's. Where the run has ended, later launches do
// nothing.
__global__ void run_code_kernel(const Program* program, Run* run, int code) {
  if (run->outcome != RunOutcome::running) return;
  const Memories memories = memories_of(*program, run->current);
  const StepSamples step_samples{0, part_of_step(run->input, run->step).samples};
  const Code& wanted = code < program->code_count
                           ? program->codes[code]
                           : program->update_codes[code - program->code_count];
  run_code(*program, run->input, *run, {run->step, run->current}, wanted, step_samples, memories,
           grid_group());
}

// Runs on one thread.
__global__ void finish_step_kernel(const Program* program, Run* run, gpu::Condition again,
                                   int in_loop) {
  if (run->outcome != RunOutcome::running) {
    if (in_loop) gpu::set_condition(again, false);
    return;
  }
  const bool stops = *run->input.stop != 0;  // read first, since the value comes from the host
  compute_step_metrics(*program, run->input, *run, run->step);
  if (run->bad_step == run->step) {
    run->outcome = RunOutcome::not_finite;
  } else {
    run->current = 1 - run->current;
    ++run->step;
    if (stops) run->outcome = RunOutcome::stopped;
  }
  if (in_loop) {
    gpu::set_condition(again, run->outcome == RunOutcome::running && run->step < run->limit);
  }
}

// The head of a run_steps_kernel block's shared memory; tasks, codes, sources and the workspace
// follow.
struct BlockState {
  Program program;
  StepRangeInput input;
  Memories of_sample;
  Memories of_batch[2];  // by generation
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

// Sums all parameters in one loop, so that no thread waits at the end of a parameter block.
__device__ inline void sum_all(const BlockState& state, Run& run, const StepNumber& number,
                               const Group& grid) {
  const Program& program = state.program;
  for_sources(
      program, grid, [](const ParameterSource& source) { return source.size(); },
      [&](const ParameterSource& source, Index i) {
        sum_parameter(program, state.input, run, number, source, static_cast<int>(i),
                      state.of_batch[number.current]);
      });
}

// Runs the samples of a step that belong to this block, one after the other.
__device__ inline void run_samples(BlockState& state, Run& run, const StepNumber& number,
                                   float* workspace, const Group& block) {
  const Program& program = state.program;
  const Part& part = part_of_step(state.input, number.step);
  for (int sample = static_cast<int>(blockIdx.x); sample < part.samples;
       sample += static_cast<int>(gridDim.x)) {
    if (block.rank == 0) {
      state.of_sample = state.of_batch[number.current];
      state.of_sample.of(Memory::workspace) = workspace;
      state.of_sample.of(Memory::partials) += sample * program.sample_partials;
      state.of_sample.of(Memory::kept) += sample * program.sample_kept;
    }
    __syncthreads();
    for (int code = 0; code < program.code_count; ++code) {
      run_code(program, state.input, run, number, program.codes[code], {sample, 1}, state.of_sample,
               block);
      if (program.codes[code].barrier_after) __syncthreads();
    }
  }
}

__global__ void __launch_bounds__(gpu::kMostThreads)
    run_steps_kernel(const Program* program, Run* run) {
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
    state.input = run->input;
    for (int i = 0; i < 2; ++i) state.of_batch[i] = memories_of(*program, i);
  }
  __syncthreads();
  auto* const workspace = reinterpret_cast<float*>(memory);
  // The last thread has the fewest parameters, so it computes the step metrics.
  const bool counts = grid.rank == grid.size - 1;
  StepNumber number{run->step, run->current};
  RunOutcome outcome = RunOutcome::running;
  while (number.step < run->limit && outcome == RunOutcome::running) {
    const bool stops = counts && *state.input.stop != 0;  // read early: it comes from the host
    run_samples(state, *run, number, workspace, block);
    gpu::grid_barrier();
    if (counts) {
      compute_step_metrics(state.program, state.input, *run, number.step);
      if (stops) run->stop_step = number.step;
    }
    sum_all(state, *run, number, grid);
    for (int i = 0; i < state.program.update_code_count; ++i) {
      gpu::grid_barrier();
      run_update_code(state.program, state.input, *run, number, state.program.update_codes[i],
                      grid);
    }
    gpu::grid_barrier();
    if (run->bad_step == number.step) {
      outcome = RunOutcome::not_finite;
    } else {
      if (run->stop_step == number.step) outcome = RunOutcome::stopped;
      number = {number.step + 1, 1 - number.current};
    }
  }
  if (grid.rank == 0) {
    run->step = number.step;
    run->current = number.current;
    run->outcome = outcome;
  }
}

}  // namespace convoy::cuda
