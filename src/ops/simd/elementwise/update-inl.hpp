// SPDX-License-Identifier: Apache-2.0
// The update of the weights: the vector form of the optimizers' rules (optim/).
#if defined(CONVOY_OPS_SIMD_ELEMENTWISE_UPDATE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_ELEMENTWISE_UPDATE_INL_HPP
#undef CONVOY_OPS_SIMD_ELEMENTWISE_UPDATE_INL_HPP
#else
#define CONVOY_OPS_SIMD_ELEMENTWISE_UPDATE_INL_HPP
#endif

#include "ops/simd/elementwise/math-inl.hpp"
#include "optim/optimizer.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// How a whole vector, or the lanes of a mask, are loaded and stored.
struct AllLanes {
  HWY_INLINE Vector load(const float* from) const { return hn::LoadU(Full(), from); }
  HWY_INLINE void store(Vector v, float* to) const { hn::StoreU(v, Full(), to); }
};
struct SomeLanes {
  MaskRegister<Full> mask;
  HWY_INLINE Vector load(const float* from) const { return hn::MaskedLoad(mask, Full(), from); }
  HWY_INLINE void store(Vector v, float* to) const { store_lanes(v, mask, Full(), to); }
};

// Elements i, i + 1, ... of a pass, as many as a vector or a mask has lanes.
template <class Lanes>
struct Elements {
  const UpdatePass<float>& pass;
  Index i;
  Lanes lanes;
  Vector& zeros;

  HWY_INLINE Vector weight() const { return lanes.load(pass.weights + i); }
  HWY_INLINE Vector gradient() const {
    return hn::Mul(lanes.load(pass.gradient_sum + i), hn::Set(Full(), pass.scale));
  }
  HWY_INLINE Vector slot(std::size_t s) const { return lanes.load(pass.slots[s] + i); }
  HWY_INLINE void keep(std::size_t s, Vector v) const {
    lanes.store(v, pass.new_slots[s] + i);
    check(v);
  }
  // Adds 0 * v to `zeros` by Or, where NaN stays once a number is infinite or NaN.
  HWY_INLINE void check(Vector v) const { zeros = hn::Or(zeros, hn::Mul(v, hn::Zero(Full()))); }
};

template <class Lanes>
HWY_INLINE Vector next_weights(const SgdRule<float>& rule, const Elements<Lanes>& at) {
  const Full d;
  const auto w = at.weight();
  auto g = at.gradient();
  if (rule.decay != 0) g = hn::MulAdd(hn::Set(d, rule.decay), w, g);
  if (rule.momentum != 0) {
    const auto momentum = hn::Set(d, rule.momentum);
    const auto b = hn::MulAdd(momentum, at.slot(0), g);
    at.keep(0, b);
    g = rule.nesterov ? hn::MulAdd(momentum, b, g) : b;
  }
  return hn::NegMulAdd(hn::Set(d, rule.rate), g, w);
}

HWY_INLINE Vector lerp(Vector from, Vector to, float share) {
  const Full d;
  const auto change = hn::Sub(to, from);
  return share < 0.5F ? hn::MulAdd(hn::Set(d, share), change, from)
                      : hn::MulAdd(hn::Set(d, share - 1), change, to);
}

template <class Lanes>
HWY_INLINE Vector next_weights(const AdamRule<float>& rule, const Elements<Lanes>& at) {
  const Full d;
  const auto w = hn::Mul(at.weight(), hn::Set(d, rule.shrink));
  auto g = at.gradient();
  if (rule.decay != 0) g = hn::MulAdd(hn::Set(d, rule.decay), w, g);
  const auto m = lerp(at.slot(0), g, rule.share1);
  at.keep(0, m);
  const auto v = hn::MulAdd(hn::Mul(hn::Set(d, rule.share2), g), g,
                            hn::Mul(at.slot(1), hn::Set(d, rule.beta2)));
  at.keep(1, v);
  const auto root = hn::Add(hn::Div(hn::Sqrt(v), hn::Set(d, rule.c2)), hn::Set(d, rule.epsilon));
  return hn::Sub(w, hn::Div(hn::Mul(hn::Set(d, rule.step), m), root));
}

template <class Lanes>
HWY_INLINE Vector next_weights(const RmsPropRule<float>& rule, const Elements<Lanes>& at) {
  const Full d;
  const auto w = at.weight();
  auto g = at.gradient();
  if (rule.decay != 0) g = hn::MulAdd(hn::Set(d, rule.decay), w, g);
  auto r = hn::MulAdd(hn::Mul(hn::Set(d, rule.share), g), g,
                      hn::Mul(at.slot(0), hn::Set(d, rule.alpha)));
  at.keep(0, r);
  if (rule.centered) {
    const auto a = lerp(at.slot(1), g, rule.share);
    at.keep(1, a);
    r = hn::NegMulAdd(a, a, r);
    r = hn::IfThenElse(hn::Lt(r, hn::Zero(d)), hn::Zero(d), r);  // keeps NaN, as the reference does
  }
  g = hn::Div(g, hn::Add(hn::Sqrt(r), hn::Set(d, rule.epsilon)));
  if (rule.momentum != 0) {
    const std::size_t buffer = rule.centered ? 2 : 1;
    g = hn::MulAdd(hn::Set(d, rule.momentum), at.slot(buffer), g);
    at.keep(buffer, g);
  }
  return hn::NegMulAdd(hn::Set(d, rule.rate), g, w);
}

template <class Lanes>
HWY_INLINE Vector next_weights(const LarsRule<float>& rule, const Elements<Lanes>& at) {
  const Full d;
  const auto w = at.weight();
  auto g = at.gradient();
  if (rule.decay != 0) g = hn::MulAdd(hn::Set(d, rule.decay), w, g);
  auto v = hn::Mul(hn::Set(d, rule.rate), g);
  if (rule.momentum != 0) {
    v = hn::MulAdd(hn::Set(d, rule.momentum), at.slot(0), v);
    at.keep(0, v);
  }
  return hn::Sub(w, v);
}

// Of tensors that are no matrices.
template <class Lanes>
HWY_INLINE Vector next_weights(const MuonRule<float>& rule, const Elements<Lanes>& at) {
  const Full d;
  const auto g = at.gradient();
  const auto b = lerp(at.slot(0), g, rule.share);
  at.keep(0, b);
  const auto u = rule.nesterov ? lerp(g, b, rule.momentum) : b;
  return hn::NegMulAdd(hn::Set(d, rule.rate), u, hn::Mul(at.weight(), hn::Set(d, rule.shrink)));
}

// Returns whether all new weights and slots are finite. The arguments are values, so that the
// compiler knows that no store changes them.
template <class Rule>
bool update_all(const Rule rule, const UpdatePass<float> pass) {
  const Full d;
  const Index vl = lanes(d);
  const auto zero = hn::Zero(d);
  auto zeros = zero;
  const auto update = [&](Index i, const auto& lanes_of) HWY_ATTR {
    const Elements<std::decay_t<decltype(lanes_of)>> at{pass, i, lanes_of, zeros};
    const auto w = next_weights(rule, at);
    lanes_of.store(w, pass.new_weights + i);
    at.check(w);
  };
  Index i = 0;
  for (; i + vl <= pass.size; i += vl) update(i, AllLanes{});
  if (i < pass.size) update(i, SomeLanes{first_lanes(d, pass.size - i)});
  return hn::AllTrue(d, hn::Eq(zeros, zero));
}

inline bool update(const Optimizer& optimizer, const UpdatePass<float>& pass) {
  return std::visit(
      [&](const auto& op) { return update_all(make_rule<float>(op, pass.numbers), pass); },
      optimizer);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
