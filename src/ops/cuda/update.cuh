// SPDX-License-Identifier: Apache-2.0
// The update of one parameter on a GPU, by the rules of the optimizers (optim/).
//
// Traffic: each thread reads a weight and its slots once and writes them once; neighbouring threads
// take neighbouring parameters.
#pragma once

#include <variant>

#include "ops/cuda/packing.hpp"
#include "optim/optimizer.hpp"

namespace convoy::cuda {

// An optimizer as kernels read it: they ask for each alternative of the variant.
struct DeviceOptimizer {
  Optimizer op;
  int slots = 0;
};
inline DeviceOptimizer lower(const Optimizer& optimizer) {
  return {optimizer, static_cast<int>(slots_of(optimizer).size())};
}

// Muon's settings, for the codes that no other optimizer has; null if it is another.
__device__ inline const Muon* muon_of(const DeviceOptimizer& optimizer) {
  return std::get_if<Muon>(&optimizer.op);
}
template <class... Ops>
consteval bool only_muon_needs_matrices(const std::variant<Ops...>* /*op*/) {
  return ((!NeedsMatrices<Ops> || std::is_same_v<Ops, Muon>)&&...);
}
static_assert(only_muon_needs_matrices(static_cast<const Optimizer*>(nullptr)),
              "the engines update matrices by the iterations of Muon alone");

// The generations of the weights and of the optimizer's state (runtime/cpu/generations.hpp), as
// arenas.
struct UpdateArrays {
  const float* weights = nullptr;
  float* new_weights = nullptr;
  float* new_packed = nullptr;
  const float* slots[kMostSlots] = {};
  float* new_slots[kMostSlots] = {};
  const float* average = nullptr;  // null where there is none
  float* new_average = nullptr;
};

// Where the weights of a parameter block lie among the packed weights, if they do.
struct PackedBlock {
  bool exists = false;
  Index offset = 0;
  Packing packing;
};

// The numbers of a step.
struct StepNumbers {
  float scale = 1;  // scale_of()
  float rate = 0;
  StepFactors factors;
  TensorFactors of_tensor = {};
};

template <class... Ops>
__device__ float next_weight(const std::variant<Ops...>& optimizer, const UpdateNumbers& numbers,
                             float w, float g, float* slots) {
  const auto update_by = [&](const auto* op) {
    if (op != nullptr) w = make_rule<float>(*op, numbers).next(w, g, slots);
  };
  (update_by(std::get_if<Ops>(&optimizer)), ...);
  return w;
}

// A parameter: its row and column in its block, and its index in the arena.
struct Parameter {
  int row = 0, column = 0;
  bool is_bias = false;
  Index index = 0;
};

// Computes the average of a weight `w` that the optimizer has just computed, which may replace it,
// and stores the weight. Returns whether both are finite, or frozen.
__device__ inline bool store_weight(const PackedBlock& packed, const Parameter& parameter,
                                    bool frozen, float w, const AverageStep& step,
                                    const UpdateArrays& arrays) {
  const Index i = parameter.index;
  bool finite = frozen || w - w == 0;  // neither infinite nor NaN
  if (arrays.average) {
    float a = arrays.average[i];
    if (!frozen) a = make_rule<float>(step).next(a, w);
    arrays.new_average[i] = a;
    finite = finite && (frozen || a - a == 0);
  }
  arrays.new_weights[i] = w;
  if (packed.exists && !parameter.is_bias) {
    arrays
        .new_packed[packed.offset + packed_index(packed.packing, parameter.row, parameter.column)] =
        w;
  }
  return finite;
}

// Returns whether the new weight, its slots and its average are finite, or frozen.
__device__ inline bool update(const DeviceOptimizer& optimizer, const BlockUpdate& block,
                              const PackedBlock& packed, const Parameter& parameter,
                              float gradient_sum, const StepNumbers& step,
                              const UpdateArrays& arrays) {
  const TensorUpdate& tensor = parameter.is_bias ? block.bias : block.weight;
  const Index i = parameter.index;
  float w = arrays.weights[i];
  float slots[kMostSlots] = {};
  for (int s = 0; s < optimizer.slots; ++s) slots[s] = arrays.slots[s][i];
  if (!tensor.frozen) {
    const UpdateNumbers numbers =
        numbers_of(tensor, static_cast<double>(step.rate), step.factors, step.of_tensor);
    w = next_weight(optimizer.op, numbers, w, gradient_sum * step.scale, slots);
  }
  bool finite = store_weight(packed, parameter, tensor.frozen, w, step.factors.average, arrays);
  for (int s = 0; s < optimizer.slots; ++s) {
    arrays.new_slots[s][i] = slots[s];
    finite = finite && (tensor.frozen || slots[s] - slots[s] == 0);
  }
  return finite;
}

// Muon's update of an element of a matrix, in two parts. The first replaces the slot and returns
// whether it is finite; `u` becomes the element's momentum.
__device__ inline bool momentum_of(const Muon& op, Index i, float gradient_sum,
                                   const StepNumbers& step, const UpdateArrays& arrays, float& u) {
  float slot = arrays.slots[0][i];
  u = make_rule<float>(op, UpdateNumbers{}).direction(gradient_sum * step.scale, &slot);
  arrays.new_slots[0][i] = slot;
  return slot - slot == 0;
}
// The second has the element `o` of the orthogonal matrix; it returns whether the weight and its
// average are finite.
__device__ inline bool apply_orthogonal(const Muon& op, const TensorUpdate& tensor,
                                        const MatrixShape& shape, const PackedBlock& packed,
                                        const Parameter& parameter, float o,
                                        const StepNumbers& step, const UpdateArrays& arrays) {
  const UpdateNumbers numbers =
      numbers_of(tensor, static_cast<double>(step.rate), step.factors, step.of_tensor);
  const MuonRule<float> rule = make_rule<float>(op, numbers, rate_ratio(op, shape));
  const float w = rule.apply(arrays.weights[parameter.index], o);
  return store_weight(packed, parameter, tensor.frozen, w, step.factors.average, arrays);
}

}  // namespace convoy::cuda
