// SPDX-License-Identifier: Apache-2.0
// The operations in Highway, and the selection among them. This file and all that it includes are
// compiled once for every vector width. Targets without a fused multiply-add cannot give the bits
// of the contract; on them the reference runs instead (it is slow, and has the same bits).
#include "ops/backend.hpp"

#if defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS > 0
#include <sys/prctl.h>
#endif

#include <string>

#include "base/check.hpp"
#include "ops/simd/targets.hpp"
#include "ops/visit.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/backend.cpp"
#include <hwy/foreach_target.h>
// Highway requires this order.
#include <hwy/highway.h>

#if HWY_TARGET & CONVOY_FMA_TARGETS
#include "ops/simd/convolutions/conv2d-inl.hpp"
#include "ops/simd/convolutions/conv_block-inl.hpp"
#include "ops/simd/elementwise/average-inl.hpp"
#include "ops/simd/elementwise/elementwise-inl.hpp"
#include "ops/simd/elementwise/loss-inl.hpp"
#include "ops/simd/elementwise/normalize-inl.hpp"
#include "ops/simd/elementwise/update-inl.hpp"
#include "ops/simd/pools/pool2d-inl.hpp"
#include "ops/simd/pools/subsample-inl.hpp"
#include "ops/simd/products/dense-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

constexpr const char* target_name() {
  return HWY_TARGET == HWY_AVX3      ? "avx512"
         : HWY_TARGET == HWY_AVX2    ? "avx2"
         : HWY_TARGET == CONVOY_NEON ? "neon"
                                     : "sve";
}

const Backend& backend() {
  static constexpr Backend table{
      target_name(),
      [](const Op& op, const Forward<float>& pass, Range units) {
        std::visit([&](const auto& o) { HWY_NAMESPACE::forward(o, pass, units); }, op);
      },
      [](const Op& op, const InputGradient<float>& pass, Range units) {
        std::visit([&](const auto& o) { HWY_NAMESPACE::input_gradient(o, pass, units); }, op);
      },
      [](const Op& op, const WeightGradient<float>& pass, Range units) {
        visit_trainable([&](const auto& o) { HWY_NAMESPACE::weight_gradient(o, pass, units); }, op);
      },
      [](const Dense& op, const WeightGradientSum<float>& pass, Range units) {
        HWY_NAMESPACE::weight_gradient_sum(op, pass, units);
      },
      [](const ConvBlock& block, const Forward<float>& pass) {
        HWY_NAMESPACE::forward(block, pass);
      },
      [](const ConvBlock& block, const InputGradient<float>& pass) {
        HWY_NAMESPACE::input_gradient(block, pass);
      },
      [](const ConvBlock& block, const WeightGradient<float>& pass, Range units) {
        HWY_NAMESPACE::weight_gradient(block, pass, units);
      },
      [](const Op& op, const float* parameters, float* packed, Range units) {
        if (const auto* conv = std::get_if<Conv2d>(&op)) pack(*conv, parameters, packed, units);
        if (const auto* dense = std::get_if<Dense>(&op)) pack(*dense, parameters, packed, units);
      },
      [](const Loss& op, const LossPass<float>& pass) { return HWY_NAMESPACE::loss(op, pass); },
      [](const Optimizer& optimizer, const UpdatePass<float>& pass) {
        return HWY_NAMESPACE::update(optimizer, pass);
      },
      [](const AveragePass<float>& pass) { return HWY_NAMESPACE::average(pass); },
      [](Index size, float* sum, const float* addend) { HWY_NAMESPACE::add(size, sum, addend); },
      [](const Normalize& op, Index size, const std::uint8_t* bytes, float* x) {
        HWY_NAMESPACE::normalize(op, size, bytes, x);
      }};
  return table;
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#else
namespace convoy::HWY_NAMESPACE {
const Backend& backend() {
  return reference::backend();
}
}  // namespace convoy::HWY_NAMESPACE
#endif

#if HWY_ONCE
namespace convoy {
namespace {

#if defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS > 0
std::int64_t targets() {
  const int length = ::prctl(PR_SVE_GET_VL);  // negative: no SVE
  const int bits = length < 0 ? 0 : 8 * (length & PR_SVE_VL_LEN_MASK);
  if (bits != __ARM_FEATURE_SVE_BITS) {
    throw UserError(Fault::usage,
                    "this build needs a processor with SVE vectors of " +
                        std::to_string(__ARM_FEATURE_SVE_BITS) + " bits",
                    bits == 0 ? "this one has no SVE" : "here they have " + std::to_string(bits),
                    "configure it with another CONVOY_SVE_BITS, or without");
  }
  return HWY_STATIC_TARGET;
}
#elif defined(HWY_COMPILE_ONLY_STATIC)
std::int64_t targets() {
  return HWY_STATIC_TARGET;
}
#else
std::int64_t targets() {
  return hwy::SupportedTargets() & HWY_TARGETS & CONVOY_FMA_TARGETS;
}
#endif

#if (HWY_TARGETS & (HWY_TARGETS - 1)) == 0
const Backend& backend_of_target(std::int64_t /*the only one*/) {
  return HWY_STATIC_DISPATCH(backend)();
}
#else
HWY_EXPORT(backend);

// Enters Highway's table of this function's variants for one target. Highway's own dispatch would
// take the best target; this way engines side by side may use different ones.
const Backend& backend_of_target(std::int64_t target) {
  hwy::ChosenTarget chosen;
  chosen.Update(target);
  return HWY_DISPATCH_TABLE(backend)[chosen.GetIndex()]();
}
#endif

std::vector<const Backend*> find_backends() {
  std::vector<const Backend*> found;
  // A lower bit is a better target.
  for (std::int64_t left = targets(); left != 0; left &= left - 1) {
    found.push_back(&backend_of_target(left & -left));
  }
  found.push_back(&reference::backend());
  return found;
}

}  // namespace

const std::vector<const Backend*>& backends() {
  static const std::vector<const Backend*> all = find_backends();
  return all;
}

const Backend& find_backend(std::string_view name) {
  if (name == "auto") return *backends().front();
  std::string names = "auto";
  for (const Backend* backend : backends()) {
    if (backend->name == name) return *backend;
    names += std::string(", ") + backend->name;
  }
  throw UserError(Fault::usage, "no instruction set '" + std::string(name) + "' here",
                  "this build on this machine does not have it", "use one of: " + names);
}

}  // namespace convoy
#endif
