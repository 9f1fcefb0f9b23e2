// SPDX-License-Identifier: Apache-2.0
#include "measure/stage_facts.hpp"

namespace convoy::measure {
namespace {

constexpr Index kFloat = sizeof(float), kChoice = sizeof(Choice);

// Of the layers of a stage together.
struct Work {
  Index flops = 0;       // of a sample
  Index parameters = 0;  // floats
  Index choices = 0;     // bytes of a sample
};

Index flops_of(StageKind kind, const Op& op) {
  if (kind == StageKind::forward) return forward_flops(op);
  if (kind == StageKind::input_gradient) return input_gradient_flops(op);
  if (kind == StageKind::weight_gradient) return weight_gradient_flops(op);
  return 0;
}

const Op& op_of(const Plan& plan, int layer) {
  return plan.net().layers()[static_cast<std::size_t>(layer)].op;
}

Work work_of(const Plan& plan, const Stage& stage) {
  Work work;
  const int last = stage.layer + stage.fused;
  for (int layer = stage.layer; layer <= last; ++layer) {
    const Op& op = op_of(plan, layer);
    work.flops += flops_of(stage.kind, op);
    work.parameters += parameter_shape(op).size();
    if (keeps_choice(op)) work.choices += kChoice * output_shape(op).size();
  }
  if (stage.fused > 0 && work.choices > 0) {
    const Shape pixels = output_shape(op_of(plan, last));
    work.choices = pixels.height * pixels.width * choice_stride(plan.conv_block(stage));
  }
  return work;
}

Index bytes_of(const Plan& plan, const Stage& stage, const Work& work, Index batch, Index slabs) {
  const Op& last = op_of(plan, stage.layer + stage.fused);
  const Index in = input_shape(op_of(plan, stage.layer)).size(), out = output_shape(last).size();
  const bool looks = std::holds_alternative<Activation>(last);  // at its output, for its slope
  switch (stage.kind) {
    case StageKind::forward:
    case StageKind::input_gradient: {
      // Read beside x, or beside dy: the second input; the output of an elementwise layer.
      const Index other = stage.kind != StageKind::forward ? (looks ? out : 0)
                          : stage.other == kNowhere        ? 0
                                                           : in;
      return kFloat * (batch * (in + other + out) + slabs * work.parameters) + batch * work.choices;
    }
    case StageKind::weight_gradient: {
      const Index of_fused = stage.fused > 0 && looks ? out : 0;
      return kFloat * (batch * (in + out + of_fused) + slabs * work.parameters) +
             batch * work.choices;
    }
    case StageKind::loss:
      return kFloat * batch * 2 * plan.net().loss().classes;
    case StageKind::add_gradients:
      return kFloat * batch * 3 * stage.size;
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

StageFacts stage_facts(const Plan& plan, const Stage& stage, Index batch, Index slabs) {
  const Work work = work_of(plan, stage);
  return {stage_layers(plan, stage), stage.kind, batch * work.flops,
          bytes_of(plan, stage, work, batch, slabs)};
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
