// SPDX-License-Identifier: Apache-2.0
#include "ops/backend.hpp"

#include "base/check.hpp"
#include "ops/reference/operations.hpp"

#ifdef __FAST_MATH__
#error "convoy: fast-math changes the results; build the library without it"
#endif

namespace convoy::reference {
namespace {

void add(Index size, float* sum, const float* addend) {
  for (Index i = 0; i < size; ++i) sum[i] += addend[i];
}

}  // namespace

const Backend& backend() {
  static constexpr Backend table{
      "reference",
      [](const Op&) { return true; },
      [](const Op& op, const Forward<float>& pass, Range units) {
        std::visit([&](const auto& o) { reference::forward(o, pass, units); }, op);
      },
      [](const Op& op, const InputGradient<float>& pass, Range units) {
        std::visit([&](const auto& o) { reference::input_gradient(o, pass, units); }, op);
      },
      [](const Op& op, const WeightGradient<float>& pass, Range units) {
        std::visit(
            [&]<class T>(const T& o) {
              if constexpr (has_weight_gradient_v<T>) {
                reference::weight_gradient(o, pass, units);
              } else {
                CONVOY_ASSERT(false);
              }
            },
            op);
      },
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      [](const BatchNorm2d& op, const StatisticsPass<float>& pass, Range units) {
        reference::statistics(op, pass, units);
      },
      [](const BatchNorm2d& op, const StatisticsPass<float>& pass, Range units) {
        reference::gradient_statistics(op, pass, units);
      },
      [](const Op&, const float*, float*, Range) {},  // it reads the weights as they are
      [](const Loss& op, const LossPass<float>& pass) { return reference::loss(op, pass); },
      [](const Optimizer& optimizer, const UpdatePass<float>& pass) {
        return reference::update(optimizer, pass);
      },
      [](const AveragePass<float>& pass) { return reference::average(pass); },
      add,
      reference::normalize};
  return table;
}

}  // namespace convoy::reference
