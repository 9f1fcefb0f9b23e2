// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"
#include "plan/plan.hpp"

namespace convoy {
namespace {

Shape stage_output_shape(const Plan& plan, const Stage& stage) {
  return stage.fused > 0 ? output_shape(plan.conv_block(stage)) : output_shape(plan.op(stage));
}

const float* parameters_of(const Plan& plan, const Stage& stage, const Weights& weights) {
  const ParameterBlock* block = plan.block(stage.layer);
  return block ? weights.parameters + block->offset : nullptr;
}

Argmax* argmaxes_of(const Plan& plan, const Stage& stage, Workspace& workspace) {
  const Offset offset = plan.argmax(stage.layer);
  return offset == kNowhere ? nullptr : workspace.argmaxes + offset * workspace.capacity;
}

void run_forward(const Plan& plan, const Stage& stage, const Backend& backend,
                 const Weights& weights, Workspace& workspace, Index samples, float* scratch,
                 Range units) {
  Forward<float> pass;
  pass.samples = samples;
  pass.x = workspace.at(stage.x);
  pass.other = stage.other == kNowhere ? nullptr : workspace.at(stage.other);
  pass.parameters = parameters_of(plan, stage, weights);
  pass.y = workspace.at(stage.y);
  pass.argmax = argmaxes_of(plan, stage, workspace);
  pass.scratch = scratch;
  if (stage.fused == 0) return backend.forward(plan.op(stage), pass, units);
  CONVOY_ASSERT(units.size() == stage_units(plan, stage, samples));
  backend.block_forward(plan.conv_block(stage), pass);
}

void run_input_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                        const Weights& weights, Workspace& workspace, Index samples, float* scratch,
                        Range units) {
  const Offset packed = plan.packed(stage.layer);
  InputGradient<float> pass;
  pass.samples = samples;
  pass.dy = workspace.at(stage.dy);
  pass.y = workspace.at(stage.y);
  pass.parameters = parameters_of(plan, stage, weights);
  pass.packed = packed == kNowhere ? nullptr : weights.packed + packed;
  pass.argmax = argmaxes_of(plan, stage, workspace);
  pass.dx = workspace.at(stage.dx);
  pass.scratch = scratch;
  if (stage.fused == 0) return backend.input_gradient(plan.op(stage), pass, units);
  CONVOY_ASSERT(units.size() == stage_units(plan, stage, samples));
  backend.block_input_gradient(plan.conv_block(stage), pass);
}

static_assert(sizeof(Argmax) == sizeof(float));

Index value_floats(const Plan& plan, Index samples) {
  return align_floats(plan.workspace_floats() * samples);
}

Index argmax_floats(const Plan& plan, Index samples) {
  return align_floats(plan.workspace_argmaxes() * samples);
}

}  // namespace

Workspace::Workspace(const Plan& plan, Index samples, std::byte* memory)
    : capacity(samples),
      values(reinterpret_cast<float*>(memory)),
      argmaxes(reinterpret_cast<Argmax*>(values + value_floats(plan, samples))),
      labels(reinterpret_cast<Label*>(argmaxes + argmax_floats(plan, samples))) {}

Index Workspace::bytes(const Plan& plan, Index samples) {
  return (value_floats(plan, samples) + argmax_floats(plan, samples)) *
             static_cast<Index>(sizeof(float)) +
         samples * static_cast<Index>(sizeof(Label));
}

Index stage_units(const Plan& plan, const Stage& stage, Index samples) {
  const Op& op = plan.op(stage);
  switch (stage.kind) {
    case StageKind::forward:
      return forward_units(op, samples);
    case StageKind::input_gradient:
      return input_gradient_units(op, samples);
    case StageKind::weight_gradient:
      return weight_gradient_units(op);
    case StageKind::add_readers_gradients:
      return (samples * stage.size + kColumnBlock - 1) / kColumnBlock;
    case StageKind::loss:
      return samples;
  }
  return 0;
}

Offset stage_output(const Stage& stage) {
  return stage.kind == StageKind::forward ? stage.y : stage.dx;
}

UnitLayout unit_layout(const Plan& plan, const Stage& stage, Index samples) {
  if (stage.kind == StageKind::add_readers_gradients) {
    return {kColumnBlock, 0, samples * stage.size};
  }
  const Op& op = plan.op(stage);
  return stage.kind == StageKind::forward ? forward_layout(op, samples)
                                          : input_gradient_layout(op, samples);
}

void run_stage(const Plan& plan, const Stage& stage, const Backend& backend, const Weights& weights,
               Workspace& workspace, Index samples, float* scratch, Range units) {
  if (units.empty()) return;
  if (stage.kind == StageKind::forward) {
    run_forward(plan, stage, backend, weights, workspace, samples, scratch, units);
  } else if (stage.kind == StageKind::input_gradient) {
    run_input_gradient(plan, stage, backend, weights, workspace, samples, scratch, units);
  } else {
    CONVOY_ASSERT(stage.kind == StageKind::add_readers_gradients);
    const Index begin = units.begin * kColumnBlock;
    const Index end = std::min(units.end * kColumnBlock, samples * stage.size);
    backend.add(end - begin, workspace.at(stage.dx) + begin, workspace.at(stage.other) + begin);
  }
}

LayerValues layer_values(const Plan& plan, const Stage& stage, Workspace& workspace) {
  return {workspace.at(stage.x), workspace.at(stage.dy), workspace.at(stage.y),
          argmaxes_of(plan, stage, workspace)};
}

void run_weight_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                         const LayerValues& values, Range samples, float* gradient, float* scratch,
                         Range units) {
  if (units.empty()) return;
  const Op& op = plan.op(stage);
  const Index out = samples.begin * stage_output_shape(plan, stage).size();
  WeightGradient<float> pass;
  pass.samples = samples.size();
  pass.x = values.x + samples.begin * input_shape(op).size();
  pass.dy = values.dy + out;
  pass.gradient = gradient + plan.block(stage.layer)->offset;
  pass.scratch = scratch;
  if (stage.fused == 0) return backend.weight_gradient(op, pass, units);
  pass.y = values.y + out;
  pass.argmax = values.argmax ? values.argmax + out : nullptr;
  backend.block_weight_gradient(plan.conv_block(stage), pass, units);
}

bool has_weight_gradient_sum(const Plan& plan, const Stage& stage, const Backend& backend) {
  return backend.weight_gradient_sum && std::holds_alternative<Dense>(plan.op(stage));
}

void run_weight_gradient_sum(const Plan& plan, const Stage& stage, const Backend& backend,
                             const LayerValues& values, Index first,
                             std::span<const GrainPush> grains, float* slots, Index depth,
                             Range units) {
  if (units.empty()) return;
  const Dense& dense = std::get<Dense>(plan.op(stage));
  WeightGradientSum<float> pass;
  pass.x = values.x + first * dense.in.size();
  pass.dy = values.dy + first * dense.units;
  pass.grains = grains;
  pass.slots = slots + plan.block(stage.layer)->offset;
  pass.slot_size = plan.net().arena_size();
  pass.depth = depth;
  backend.weight_gradient_sum(dense, pass, units);
}

}  // namespace convoy
