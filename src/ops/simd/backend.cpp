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

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/backend.cpp"
#include <hwy/foreach_target.h>
// Highway requires this order.
#include <hwy/highway.h>

#if HWY_TARGET & CONVOY_FMA_TARGETS
#include "ops/simd/operations-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

constexpr const char* target_name() {
  return HWY_TARGET == HWY_AVX3      ? "avx512"
         : HWY_TARGET == HWY_AVX2    ? "avx2"
         : HWY_TARGET == CONVOY_NEON ? "neon"
                                     : "sve";
}

// Which passes of an operation have vector code.
template <class OpType>
concept HasForward = requires(const OpType& op, const Forward<float>& pass, Range units) {
  HWY_NAMESPACE::forward(op, pass, units);
};
template <class OpType>
concept HasInputGradient = requires(const OpType& op, const InputGradient<float>& pass,
                                    Range units) {
  HWY_NAMESPACE::input_gradient(op, pass, units);
};
template <class OpType>
concept HasWeightGradient = requires(const OpType& op, const WeightGradient<float>& pass,
                                     Range units) {
  HWY_NAMESPACE::weight_gradient(op, pass, units);
};
template <class OpType>
concept HasPack = requires(const OpType& op, const float* parameters, float* packed, Range units) {
  HWY_NAMESPACE::pack(op, parameters, packed, units);
};

const Backend& backend() {
  static constexpr Backend table{
      target_name(),
      [](const Op& op) {
        return std::visit(
            []<class T>(const T&) {
              return HasForward<T> && HasInputGradient<T> &&
                     (HasWeightGradient<T> || !has_weight_gradient_v<T>);
            },
            op);
      },
      [](const Op& op, const Forward<float>& pass, Range units) {
        std::visit(
            [&]<class T>(const T& o) {
              if constexpr (HasForward<T>) {
                HWY_NAMESPACE::forward(o, pass, units);
              } else {
                reference::backend().forward(op, pass, units);
              }
            },
            op);
      },
      [](const Op& op, const InputGradient<float>& pass, Range units) {
        std::visit(
            [&]<class T>(const T& o) {
              if constexpr (HasInputGradient<T>) {
                HWY_NAMESPACE::input_gradient(o, pass, units);
              } else {
                reference::backend().input_gradient(op, pass, units);
              }
            },
            op);
      },
      [](const Op& op, const WeightGradient<float>& pass, Range units) {
        std::visit(
            [&]<class T>(const T& o) {
              if constexpr (HasWeightGradient<T>) {
                HWY_NAMESPACE::weight_gradient(o, pass, units);
              } else {
                reference::backend().weight_gradient(op, pass, units);
              }
            },
            op);
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
      [](const BatchNorm2d& op, const StatisticsPass<float>& pass, Range units) {
        HWY_NAMESPACE::statistics(op, pass, units);
      },
      [](const BatchNorm2d& op, const StatisticsPass<float>& pass, Range units) {
        HWY_NAMESPACE::gradient_statistics(op, pass, units);
      },
      [](const Op& op, const float* parameters, float* packed, Range units) {
        std::visit(
            [&]<class T>(const T& o) {
              if constexpr (HasPack<T>) HWY_NAMESPACE::pack(o, parameters, packed, units);
            },
            op);
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
