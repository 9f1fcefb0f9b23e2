// SPDX-License-Identifier: Apache-2.0
#include "measure/stage_facts.hpp"

namespace convoy::measure {
namespace {

constexpr Index kFloat = sizeof(float), kArgmax = sizeof(Argmax);

// The work of all layers of a stage together.
struct Work {
  Index flops = 0;       // per sample
  Index parameters = 0;  // floats
  Index argmaxes = 0;    // bytes per sample
};

Index flops_of(StageKind kind, const Op& op) {
  if (kind == StageKind::forward) return forward_flops(op);
  if (kind == StageKind::input_gradient) return input_gradient_flops(op);
  if (kind == StageKind::weight_gradient) return weight_gradient_flops(op);
  return 0;
}

Work work_of(const Plan& plan, const Stage& stage) {
  Work work;
  const int last = stage.layer + stage.fused;
  for (int layer = stage.layer; layer <= last; ++layer) {
    const Op& op = plan.op(layer);
    work.flops += flops_of(stage.kind, op);
    work.parameters += parameter_shape(op).size();
    if (keeps_argmax(op)) work.argmaxes += kArgmax * output_shape(op).size();
  }
  if (stage.fused > 0 && work.argmaxes > 0) {
    const Shape pixels = output_shape(plan.op(last));
    work.argmaxes = pixels.height * pixels.width * argmax_stride(*plan.conv_block(stage));
  }
  return work;
}

Index bytes_of(const Plan& plan, const Stage& stage, const Work& work, Index batch,
               Index microbatches) {
  const Op& last = plan.op(stage.layer + stage.fused);
  const Index in = input_shape(plan.op(stage.layer)).size(), out = output_shape(last).size();
  const bool looks = reads_own_output(last);
  switch (stage.kind) {
    case StageKind::statistics:
      return kFloat * batch * in;
    case StageKind::gradient_statistics:
      return kFloat * batch * (in + out + (stage.fused > 0 ? out : 0));
    case StageKind::forward:
    case StageKind::input_gradient: {
      // A forward pass may read a second input with x, an input gradient x or y with dy.
      const Index of_backward = (reads_own_input(plan.op(stage)) ? in : 0) + (looks ? out : 0);
      const Index of_forward = stage.other.exists() ? in : 0;
      const Index other = stage.kind == StageKind::forward ? of_forward : of_backward;
      return kFloat * (batch * (in + other + out) + microbatches * work.parameters) +
             batch * work.argmaxes;
    }
    case StageKind::weight_gradient: {
      const Index of_fused = stage.fused > 0 && looks ? out : 0;
      return kFloat * (batch * (in + out + of_fused) + microbatches * work.parameters) +
             batch * work.argmaxes;
    }
    case StageKind::loss:
      return kFloat * batch * 2 * plan.net().loss().classes;
    case StageKind::add_readers_gradients:
      return kFloat * batch * 3 * stage.dx.size;
  }
  return 0;
}

}  // namespace

std::string StageFacts::name() const {
  return layers.empty() ? "input" : joined_name(layers);
}

std::string_view StageFacts::pass() const {
  return kind ? to_string(*kind) : "normalise";
}

StageFacts input_facts(const Net& net, Index batch) {
  return {{}, {}, 0, batch * net.input().size() * (1 + kFloat)};
}

StageFacts stage_facts(const Plan& plan, const Stage& stage, Index batch, Index microbatches) {
  const Work work = work_of(plan, stage);
  return {stage_layers(plan, stage), stage.kind, batch * work.flops,
          bytes_of(plan, stage, work, batch, microbatches)};
}

std::vector<StageFacts> gpu_stage_facts(const Net& net, Index batch) {
  const Plan plan(net);
  std::vector<StageFacts> facts{input_facts(net, batch)};
  for (Index i = 0; i < stage_count(plan); ++i) {
    facts.push_back(stage_facts(plan, stage_of_number(plan, i), batch, 1));
  }
  return facts;
}

}  // namespace convoy::measure
