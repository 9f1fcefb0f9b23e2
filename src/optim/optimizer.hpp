// SPDX-License-Identifier: Apache-2.0
// One of the optimizers (docs/adding-an-optimizer.md).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "optim/adam.hpp"
#include "optim/average.hpp"
#include "optim/muon.hpp"
#include "optim/norms.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"

namespace convoy {

// Each optimizer with PyTorch's defaults, in the order of their names in messages.
struct NamedOptimizer {
  std::string_view name;
  Optimizer defaults;
};
inline constexpr auto kOptimizers = std::to_array<NamedOptimizer>({
    {"sgd", Sgd{}},
    {"adam", Adam{}},
    {"adamw", Adam{.weight_decay = 0.01, .decoupled_weight_decay = true}},
    {"rmsprop", RmsProp{}},
    {"lars", Lars{}},
    {"muon", Muon{}},
});

// The functions of the variant take nothing that merely converts to it: an optimizer that lacks the
// function of its own does not compile.
inline std::span<const std::string_view> slots_of(const std::same_as<Optimizer> auto& optimizer) {
  return std::visit([](const auto& op) { return slots_of(op); }, optimizer);
}

inline UpdateNeed update_need(const std::same_as<Optimizer> auto& optimizer) {
  return std::visit([](const auto& op) { return update_need(op); }, optimizer);
}

// `step`: the number of the step in its run, from 1.
inline StepFactors step_factors(const std::same_as<Optimizer> auto& optimizer, Index step) {
  return std::visit([=](const auto& op) { return step_factors(op, step); }, optimizer);
}

inline double weight_decay(const Optimizer& optimizer) {
  return std::visit([](const auto& op) { return op.weight_decay; }, optimizer);
}

// The optimizer of a net: what an engine needs to know in order to update its weights.
struct NetOptimizer {
  Optimizer optimizer;
  std::vector<BlockUpdate> blocks;       // as Net::parameter_blocks()
  std::optional<double> clip_norm = {};  // the largest norm of the mean gradient (norms.hpp)
  Average average = {};
  WeightsCopy evaluate = WeightsCopy::average;  // what evaluations read

  std::span<const std::string_view> slots() const { return slots_of(optimizer); }
  // Of all that is kept for each weight: the optimizer's slots, then the average where there is
  // one.
  std::size_t slot_count() const { return slots().size() + (exists(average) ? 1 : 0); }
  bool evaluates_average() const { return exists(average) && evaluate == WeightsCopy::average; }

  bool needs_norms() const {
    return clip_norm || update_need(optimizer) == UpdateNeed::tensor_norms;
  }
  bool needs_whole_matrices() const { return update_need(optimizer) == UpdateNeed::whole_matrices; }
  // Whether no weight can be updated before the gradients of others are summed.
  bool needs_whole_gradient() const { return needs_norms() || needs_whole_matrices(); }

  NormSettings norm_settings() const {
    const auto* lars = std::get_if<Lars>(&optimizer);
    return {clip_norm.value_or(0), lars != nullptr, lars ? *lars : Lars{}};
  }

  friend bool operator==(const NetOptimizer&, const NetOptimizer&) = default;
};

// Those of the optimizer, and what the average does.
inline StepFactors step_factors(const NetOptimizer& optimizer, Index step) {
  StepFactors factors = step_factors(optimizer.optimizer, step);
  factors.average = average_step(optimizer.average, step);
  return factors;
}

}  // namespace convoy
