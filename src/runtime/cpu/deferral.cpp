// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/deferral.hpp"

#include <algorithm>

namespace convoy {
namespace {

// The most floats of the copies for one layer. With a larger batch the layer is not deferred: this
// costs speed, not memory.
constexpr Index kMostFloats = Index{16} << 20;

// Calls take(stage, in, out) for each stage that is deferred, with the floats of x and of dy.
template <class Take>
void for_each_deferred(const Plan& plan, Index grain, Index samples, const Take& take) {
  for (const Stage& stage : plan.backward()) {
    if (stage.kind != StageKind::weight_gradient || plan.conv_block(stage)) continue;
    const Op& op = plan.op(stage);
    const Index in = input_shape(op).size(), out = output_shape(op).size();
    if (parameter_shape(op).size() <= grain * (in + out)) continue;
    if (samples * (in + out) > kMostFloats) continue;
    take(stage, samples * in, samples * out);
  }
}

}  // namespace

Deferral::Deferral(const Plan& plan, Index grain, Index samples) : plan_(plan) {
  for_each_deferred(plan, grain, samples, [this](const Stage& stage, Index in, Index out) {
    kept_.push_back({&stage, Buffer<float>(in), Buffer<float>(out)});
  });
}

Index Deferral::floats(const Plan& plan, Index grain, Index samples) {
  Index all = 0;
  for_each_deferred(plan, grain, samples,
                    [&all](const Stage&, Index in, Index out) { all += in + out; });
  return all;
}

bool Deferral::keep(const Stage& stage, const Workspace& workspace, Index first, Index samples) {
  const auto kept =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& k) { return k.stage == &stage; });
  if (kept == kept_.end()) return false;
  const Op& op = plan_.op(stage);
  const Index in = input_shape(op).size(), out = output_shape(op).size();
  const LayerValues values = layer_values(plan_, stage, {}, workspace);
  std::copy_n(values.x, samples * in, kept->x.data() + first * in);
  std::copy_n(values.dy, samples * out, kept->dy.data() + first * out);
  return true;
}

}  // namespace convoy
