// SPDX-License-Identifier: Apache-2.0
#include "ops/backend.hpp"
#include "ops/reference/activation.hpp"
#include "ops/reference/conv2d.hpp"
#include "ops/reference/dense.hpp"
#include "ops/reference/loss.hpp"
#include "ops/reference/normalize.hpp"
#include "ops/reference/pool2d.hpp"
#include "ops/reference/subsample.hpp"
#include "ops/reference/update.hpp"
#include "ops/visit.hpp"

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
      [](const Op& op, const Forward<float>& pass, Range units) {
        std::visit([&](const auto& o) { reference::forward(o, pass, units); }, op);
      },
      [](const Op& op, const InputGradient<float>& pass, Range units) {
        std::visit([&](const auto& o) { reference::input_gradient(o, pass, units); }, op);
      },
      [](const Op& op, const WeightGradient<float>& pass, Range units) {
        visit_trainable([&](const auto& o) { reference::weight_gradient(o, pass, units); }, op);
      },
      nullptr,
      nullptr,
      nullptr,
      nullptr,
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
