// SPDX-License-Identifier: Apache-2.0
// The update part of a step. The parameters, their packed form, the optimizer's state and the
// average of the weights exist in two generations: a step reads one and writes the other, and they
// are swapped when the step commits. The ranks of a memory domain share them.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "ops/backend.hpp"
#include "parallel/communicator.hpp"
#include "plan/plan.hpp"
#include "runtime/engine.hpp"

namespace convoy {

class Generations {
 public:
  // Collective over the memory domain. Keeps references to all arguments but the optimizer.
  Generations(const Plan& plan, const NetOptimizer& optimizer, const Backend& backend,
              Communicator& communicator);

  Weights weights() const { return {now().parameters.get(), now().packed.get()}; }
  // The next generation of the parameters, of which a step also writes the buffers.
  float* next_parameters() const { return next().parameters.get(); }
  // What an evaluation reads, but for the buffers: the average or the parameters, as the optimizer
  // says. A forward pass needs no packed weights.
  Weights evaluated() const {
    const auto& arena = optimizer_.evaluates_average() ? now().slots.back() : now().parameters;
    return {arena.get(), nullptr};
  }

  // The rows of a parameter block whose updates belong to the slice [slice) of the arena. Slices
  // are cut at rows, so that the worker that updates a row also packs it; together they are all
  // rows.
  static Range rows_in(const ParameterBlock& block, Range slice);

  struct Step {
    Index samples = 1;  // 1 / samples is applied here and nowhere else
    float rate = 0;
    StepFactors factors;
    // [block][weight, bias], by the norms of the step; null: without norms.
    const TensorFactors* tensor_factors = nullptr;
  };
  // Computes rows of the next generation from the sum of their gradients [rows][columns]. Returns
  // whether all of them are finite. Any workers may call it at the same time, each for other rows.
  bool update_rows(const ParameterBlock& block, Range rows, const float* gradient_sum,
                   const Step& step) const;

  // The same for all weights of a block that are a matrix, by Muon, which the optimizer must be.
  // `scratch`: newton_schulz_scratch() floats.
  bool update_matrix(const ParameterBlock& block, const float* gradient_sum, const Step& step,
                     float* scratch) const;

  // Makes the next generation the current one. One thread of each rank calls it once per step.
  void flip() { current_ = 1 - current_; }

  // The state of the current generation. set_state is collective over the memory domain.
  ModelState state() const;
  void set_state(const ModelState& state);

 private:
  struct Generation {
    std::shared_ptr<float[]> parameters;
    std::shared_ptr<float[]> packed;
    std::vector<std::shared_ptr<float[]>> slots;  // of the optimizer; then the average, if any
  };

  const Generation& now() const { return generations_[current_]; }
  const Generation& next() const { return generations_[1 - current_]; }
  // The settings of the weights or the bias of a block.
  const TensorUpdate& settings_of(const ParameterBlock& block, bool is_bias) const;
  UpdatePass<float> pass_of(const ParameterBlock& block, Range rows, const float* gradient_sum,
                            const Step& step) const;
  bool update_elements(const ParameterBlock& block, Range rows, const float* gradient_sum,
                       const Step& step) const;
  // Computes the average of elements whose parameters of the next generation are known, and may
  // replace these.
  bool average_elements(Index begin, Index size, const AverageStep& step) const;
  // For tensors that are frozen.
  void copy_elements(Index begin, Index size) const;
  void pack(const ParameterBlock& block, Range rows, const Generation& generation) const;

  const Plan& plan_;
  const NetOptimizer optimizer_;
  const Backend& backend_;
  Communicator& communicator_;
  std::array<Generation, 2> generations_;
  std::size_t current_ = 0;
};

}  // namespace convoy
