// SPDX-License-Identifier: Apache-2.0
// The codes of an update (program.hpp), which all threads of the device run after the gradients of
// a step are summed, with a barrier between any two.
#pragma once

#include "runtime/cuda/program.hpp"

namespace convoy::cuda {

__device__ inline const Part& part_of_step(const StepRangeInput& input, int step) {
  return input.samples - Index{step} * input.batch >= input.batch ? input.full : input.last;
}

// A step reads the weights of generation `current` and writes the other.
struct StepNumber {
  int step = 0, current = 0;
};

__device__ inline UpdateArrays update_arrays(const Program& program, int current) {
  const Generation& now = program.generations[current];
  const Generation& next = program.generations[1 - current];
  UpdateArrays arrays{now.parameters, next.parameters, next.packed, {}, {},
                      now.average,    next.average};
  for (int s = 0; s < program.optimizer.slots; ++s) {
    arrays.slots[s] = now.slots[s];
    arrays.new_slots[s] = next.slots[s];
  }
  return arrays;
}

// Updates one parameter, the last code of an update; `momentum` alone does the first part for an
// element of a matrix.
__device__ inline void update_parameter(const Program& program, const StepRangeInput& input,
                                        Run& run, const StepNumber& number,
                                        const ParameterSource& source, int element, bool momentum) {
  const WholeGradient& whole = program.whole;
  const Muon* const muon = muon_of(program.optimizer);
  const UpdateArrays arrays = update_arrays(program, number.current);
  const Parameter parameter = parameter_of(source, element);
  const bool of_matrix = source.orthogonal && !parameter.is_bias;
  if (momentum && !of_matrix) return;
  StepNumbers step{1, input.rates[number.step], input.factors[number.step]};
  if (whole.tensor_factors) {
    step.of_tensor = whole.tensor_factors[2 * source.block + (parameter.is_bias ? 1 : 0)];
  }
  step.scale = scale_of<float>(part_of_step(input, number.step).batch, step.of_tensor);
  float& gradient = whole.gradient[parameter.index];
  bool finite = true;
  if (momentum) {
    finite = momentum_of(*muon, parameter.index, gradient, step, arrays, gradient);
  } else if (of_matrix) {
    finite = apply_orthogonal(*muon, source.update.weight, source.matrix(), source.packed,
                              parameter, orthogonal(*muon, whole, source, element), step, arrays);
  } else {
    finite =
        update(program.optimizer, source.update, source.packed, parameter, gradient, step, arrays);
  }
  if (!finite) run.bad_step = number.step;
}

// Calls work(source, i) on some thread for each i in [0, count(source)) of each source.
template <class Count, class Work>
__device__ void for_sources(const Program& program, const Group& group, const Count& count,
                            const Work& work) {
  Index i = group.rank;  // of the items of all sources
  for (int s = 0; s < program.source_count; ++s) {
    const ParameterSource& source = program.sources[s];
    const Index size = count(source);
    for (; i < size; i += group.size) work(source, i);
    i -= size;
  }
}

// Runs one code of an update.
__device__ inline void run_update_code(const Program& program, const StepRangeInput& input,
                                       Run& run, const StepNumber& number, const Code& code,
                                       const Group& group) {
  const WholeGradient& whole = program.whole;
  const Muon* const muon = muon_of(program.optimizer);
  const auto rows = [](const ParameterSource& source) { return Index{source.rows}; };
  const auto tensors = [](const ParameterSource&) { return Index{2}; };
  const auto parameters = [](const ParameterSource& source) { return source.size(); };
  const auto matrix = [](const ParameterSource& source) {
    return source.orthogonal ? source.matrix().size() : 0;
  };
  const auto square = [](const ParameterSource& source) {
    const Index size = wide(source.matrix()).rows;
    return source.orthogonal ? size * size : 0;
  };
  switch (code.kind) {
    case CodeKind::row_squares:
      return for_sources(program, group, rows, [&](const ParameterSource& source, Index row) {
        row_squares(whole, source, row, program.generations[number.current].parameters);
      });
    case CodeKind::tensor_squares:
      return for_sources(program, group, tensors, [&](const ParameterSource& source, Index i) {
        tensor_squares(whole, source, i == 1);
      });
    case CodeKind::tensor_factors:
      return for_sources(program, group, tensors, [&](const ParameterSource& source, Index i) {
        tensor_factors(whole, source, i == 1, part_of_step(input, number.step).batch);
      });
    case CodeKind::start_iterations:
      return for_sources(program, group, matrix, [&](const ParameterSource& source, Index i) {
        start_iterations(*muon, whole, source, i);
      });
    case CodeKind::gram:
      return for_sources(program, group, square, [&](const ParameterSource& source, Index i) {
        gram(whole, source, i, code.index);
      });
    case CodeKind::polynomial:
      return for_sources(program, group, square, [&](const ParameterSource& source, Index i) {
        polynomial(*muon, whole, source, i);
      });
    case CodeKind::iterate:
      return for_sources(program, group, matrix, [&](const ParameterSource& source, Index i) {
        iterate(*muon, whole, source, i, code.index);
      });
    default:
      return for_sources(program, group, parameters, [&](const ParameterSource& source, Index i) {
        update_parameter(program, input, run, number, source, static_cast<int>(i),
                         code.kind == CodeKind::momentum);
      });
  }
}

}  // namespace convoy::cuda
