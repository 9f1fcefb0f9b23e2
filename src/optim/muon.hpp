// SPDX-License-Identifier: Apache-2.0
// Muon (K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024), as in
// PyTorch (torch.optim.Muon, 2.15), which however computes the iterations in bfloat16:
//
//   b = lerp(b, g, 1 - momentum)                  (optim/update.hpp)
//   u = nesterov ? lerp(g, b, momentum) : b
//   o = the nearly orthogonal matrix of u         (newton_schulz.hpp)
//   w' = fma(-rate * ratio, o, w * (1 - rate * decay))
//
// The weights of a layer are a matrix [taps][columns], m inputs by n outputs, where both are more
// than 1 and all outputs have the same inputs (not those of a subsampling, whose channels are
// independent). Its ratio is sqrt(max(1, n / m)) or, with match_rms_adamw, 0.2 * sqrt(max(n, m)).
// Every other tensor (a bias) has o = u and the ratio 1: SGD with the same momentum. The rate times
// the ratio and 1 - rate * decay are computed in double and rounded once.
//
// Slot: b.
#pragma once

#include "optim/update.hpp"

namespace convoy {

inline constexpr Index kMostNewtonSchulzSteps = 99;

template <class Self, class Visit>
requires std::same_as<std::remove_const_t<Self>, Muon>
void visit_settings(Self& op, const Visit& visit) {
  constexpr Interval kCoefficient{-3.4e38, 3.4e38};
  visit("learning_rate", op.learning_rate, kNotNegativeFloat);
  visit("momentum", op.momentum, kBelowOne);
  visit("nesterov", op.nesterov);
  visit("weight_decay", op.weight_decay, kNotNegativeFloat);
  visit("ns_a", op.ns_a, kCoefficient);
  visit("ns_b", op.ns_b, kCoefficient);
  visit("ns_c", op.ns_c, kCoefficient);
  visit("epsilon", op.epsilon, kPositiveFloat);
  visit("ns_steps", op.ns_steps, IndexRange{0, kMostNewtonSchulzSteps});
  visit("match_rms_adamw", op.match_rms_adamw);
}

inline std::span<const std::string_view> slots_of(const Muon& /*op*/) {
  static constexpr std::array<std::string_view, 1> kNames = {"momentum_buffer"};
  return kNames;
}

inline StepFactors step_factors(const Muon& /*op*/, Index /*step*/) {
  return {};
}

// The weights of a parameter block.
struct MatrixShape {
  Index taps = 0;
  Index columns = 0;
  bool is_map = true;  // ParameterShape::is_map

  CONVOY_HOST_DEVICE Index size() const { return taps * columns; }
  CONVOY_HOST_DEVICE bool is_matrix() const { return is_map && taps > 1 && columns > 1; }
};

template <class Real>
struct MuonRule {
  Real share, momentum;  // 1 - momentum
  Real shrink;           // 1 - rate * decay
  Real rate;             // times the ratio
  bool nesterov;

  CONVOY_HOST_DEVICE Real direction(Real g, Real* slots) const {
    const Real b = slots[0] = lerp(slots[0], g, share);
    return nesterov ? lerp(g, b, momentum) : b;
  }
  CONVOY_HOST_DEVICE Real apply(Real w, Real o) const { return std::fma(-rate, o, w * shrink); }
  CONVOY_HOST_DEVICE Real next(Real w, Real g, Real* slots) const {
    return apply(w, direction(g, slots));
  }
};

template <class Real>
CONVOY_HOST_DEVICE MuonRule<Real> make_rule(const Muon& op, const UpdateNumbers& numbers,
                                            double ratio = 1) {
  return {static_cast<Real>(1 - op.momentum), static_cast<Real>(op.momentum),
          static_cast<Real>(1 - numbers.rate * numbers.decay),
          static_cast<Real>(numbers.rate * ratio), op.nesterov};
}

// The factor of the learning rate of a matrix, by its shape. An optimizer with this function
// updates matrices as a whole (NeedsMatrices).
CONVOY_HOST_DEVICE inline double rate_ratio(const Muon& op, const MatrixShape& shape) {
  const auto inputs = static_cast<double>(shape.taps), outputs = static_cast<double>(shape.columns);
  if (op.match_rms_adamw) return 0.2 * std::sqrt(inputs > outputs ? inputs : outputs);
  return std::sqrt(outputs > inputs ? outputs / inputs : 1.0);
}

}  // namespace convoy
