// SPDX-License-Identifier: Apache-2.0
// One of the optimizers, and what an engine needs to know of it. docs/adding-an-optimizer.md lists
// the steps to a further one.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "optim/adam.hpp"
#include "optim/average.hpp"
#include "optim/lars.hpp"
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

// What an update depends on, besides the weight, its gradient and its slots, follows from the
// functions in the optimizer's header: the norms of its tensor, or the whole matrix.
template <class Op>
concept NeedsNorms = requires(const Op& op) {
  { local_rate(op, 1.0, 1.0, 0.0) } -> std::same_as<double>;
};
template <class Op>
concept NeedsMatrices = requires(const Op& op, const MatrixShape& shape) {
  { rate_ratio(op, shape) } -> std::same_as<double>;
};

template <class... Ops>
CONVOY_HOST_DEVICE bool needs_norms(const std::variant<Ops...>& optimizer) {
  return ((NeedsNorms<Ops> && std::get_if<Ops>(&optimizer) != nullptr) || ...);
}
template <class... Ops>
CONVOY_HOST_DEVICE bool needs_matrices(const std::variant<Ops...>& optimizer) {
  return ((NeedsMatrices<Ops> && std::get_if<Ops>(&optimizer) != nullptr) || ...);
}

// `step`: the number of the step in its run, from 1.
inline StepFactors step_factors(const std::same_as<Optimizer> auto& optimizer, Index step) {
  return std::visit([=](const auto& op) { return step_factors(op, step); }, optimizer);
}

inline double weight_decay(const Optimizer& optimizer) {
  return std::visit([](const auto& op) { return op.weight_decay; }, optimizer);
}

// The factor of the mean gradient by torch.nn.utils.clip_grad_norm_ (PyTorch 2.15) for the norm of
// all gradients: 1, or less where the norm is larger than `clip_norm`. The gradients are not
// rounded before they are multiplied, as PyTorch's are: the factor is part of UpdatePass::scale.
CONVOY_HOST_DEVICE inline double clip_factor(double clip_norm, double norm) {
  const double factor = clip_norm / (norm + 1e-6);
  return factor < 1 ? factor : 1;
}

// Computes the factors of tensors in a step from their squares, as norms.hpp says.
struct NormSettings {
  Optimizer optimizer;
  double clip_norm = 0;  // 0: no clipping

  CONVOY_HOST_DEVICE bool has_local_rates() const { return needs_norms(optimizer); }

  // `of_tensor`: of the sum of the tensor's gradients over the `samples` of the step, and of its
  // weights. `gradient_squares_of_all`: the sum of Squares::gradient_sum over all tensors that are
  // not frozen.
  CONVOY_HOST_DEVICE TensorFactors factors_of(const TensorUpdate& tensor, const Squares& of_tensor,
                                              double gradient_squares_of_all, Index samples) const {
    TensorFactors factors;
    const double one_sample = 1.0 / static_cast<double>(samples);
    if (clip_norm > 0) {
      factors.gradient = clip_factor(clip_norm, std::sqrt(gradient_squares_of_all) * one_sample);
    }
    if (has_local_rates()) {
      const double gradient = std::sqrt(of_tensor.gradient_sum) * one_sample * factors.gradient;
      factors.rate =
          local_rate_of(optimizer, std::sqrt(of_tensor.weights), gradient, tensor.weight_decay);
    }
    return factors;
  }

 private:
  template <class... Ops>
  CONVOY_HOST_DEVICE static double local_rate_of(const std::variant<Ops...>& optimizer,
                                                 double weight_norm, double gradient_norm,
                                                 double decay) {
    double rate = 1;
    const auto ask = [&]<class Op>(const Op* op) {
      if constexpr (NeedsNorms<Op>) {
        if (op != nullptr) rate = local_rate(*op, weight_norm, gradient_norm, decay);
      }
    };
    (ask(std::get_if<Ops>(&optimizer)), ...);
    return rate;
  }
};

// The optimizer of a net: what an engine needs to know in order to update its weights.
struct NetOptimizer {
  Optimizer optimizer;
  std::vector<BlockUpdate> blocks;       // as Net::parameter_blocks()
  std::optional<double> clip_norm = {};  // the largest norm of the mean gradient (norms.hpp)
  Average average = {};
  WeightsCopy evaluate = WeightsCopy::average;  // what evaluations read

  std::span<const std::string_view> slots() const { return slots_of(optimizer); }
  // The number of arenas that are kept beside the weights: the optimizer's slots, then the average
  // where there is one.
  std::size_t slot_count() const { return slots().size() + (exists(average) ? 1 : 0); }
  bool evaluates_average() const { return exists(average) && evaluate == WeightsCopy::average; }

  bool needs_norms() const { return clip_norm || convoy::needs_norms(optimizer); }
  bool needs_whole_matrices() const { return needs_matrices(optimizer); }
  // Whether no weight can be updated before the gradients of others are summed.
  bool needs_whole_gradient() const { return needs_norms() || needs_whole_matrices(); }

  // What the engines compute the factors of all tensors with, where needs_norms().
  NormSettings norm_settings() const { return {optimizer, clip_norm.value_or(0)}; }

  friend bool operator==(const NetOptimizer&, const NetOptimizer&) = default;
};

// Those of the optimizer, and what the average does.
inline StepFactors step_factors(const NetOptimizer& optimizer, Index step) {
  StepFactors factors = step_factors(optimizer.optimizer, step);
  factors.average = average_step(optimizer.average, step);
  return factors;
}

}  // namespace convoy
