// SPDX-License-Identifier: Apache-2.0
#include "convoy/base/check.hpp"
#include "convoy/plan/plan.hpp"

namespace convoy {
namespace {

const Op& op_of(const Plan& plan, const Stage& stage) {
  return plan.net().layers()[static_cast<std::size_t>(stage.layer)].op;
}

const float* parameters_of(const Plan& plan, const Stage& stage, const Weights& weights) {
  const ParameterBlock* block = plan.block(stage.layer);
  return block ? weights.parameters + block->offset : nullptr;
}

Choice* choices_of(const Plan& plan, const Stage& stage, Workspace& workspace) {
  const Place place = plan.choice(stage.layer);
  return place == kNowhere ? nullptr : workspace.choices.data() + place * workspace.capacity;
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
  pass.choice = choices_of(plan, stage, workspace);
  pass.scratch = scratch;
  backend.forward(op_of(plan, stage), pass, units);
}

void run_input_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                        const Weights& weights, Workspace& workspace, Index samples, float* scratch,
                        Range units) {
  const Place packed = plan.packed(stage.layer);
  InputGradient<float> pass;
  pass.samples = samples;
  pass.dy = workspace.at(stage.dy);
  pass.y = workspace.at(stage.y);
  pass.parameters = parameters_of(plan, stage, weights);
  pass.packed = packed == kNowhere ? nullptr : weights.packed + packed;
  pass.choice = choices_of(plan, stage, workspace);
  pass.dx = workspace.at(stage.dx);
  pass.scratch = scratch;
  backend.input_gradient(op_of(plan, stage), pass, units);
}

}  // namespace

Workspace::Workspace(const Plan& plan, Index samples)
    : capacity(samples),
      values(plan.workspace_floats() * samples),
      choices(plan.workspace_choices() * samples),
      labels(samples) {}

Index stage_units(const Plan& plan, const Stage& stage, Index samples) {
  const Op& op = op_of(plan, stage);
  switch (stage.kind) {
    case StageKind::forward:
      return forward_units(op, samples);
    case StageKind::input_gradient:
      return input_gradient_units(op, samples);
    case StageKind::weight_gradient:
      return weight_gradient_units(op);
    case StageKind::add_gradients:
      return (samples * stage.size + kColumnBlock - 1) / kColumnBlock;
    case StageKind::loss:
      return samples;
  }
  return 0;
}

void run_stage(const Plan& plan, const Stage& stage, const Backend& backend, const Weights& weights,
               Workspace& workspace, Index samples, float* scratch, Range units) {
  if (units.empty()) return;
  if (stage.kind == StageKind::forward) {
    run_forward(plan, stage, backend, weights, workspace, samples, scratch, units);
  } else if (stage.kind == StageKind::input_gradient) {
    run_input_gradient(plan, stage, backend, weights, workspace, samples, scratch, units);
  } else {
    CONVOY_ASSERT(stage.kind == StageKind::add_gradients);
    const Index begin = units.begin * kColumnBlock;
    const Index end = std::min(units.end * kColumnBlock, samples * stage.size);
    backend.add(end - begin, workspace.at(stage.dx) + begin, workspace.at(stage.other) + begin);
  }
}

void run_weight_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                         Workspace& workspace, Range samples, float* gradient, float* scratch,
                         Range units) {
  if (units.empty()) return;
  const Op& op = op_of(plan, stage);
  WeightGradient<float> pass;
  pass.samples = samples.size();
  pass.x = workspace.at(stage.x) + samples.begin * input_shape(op).size();
  pass.dy = workspace.at(stage.dy) + samples.begin * output_shape(op).size();
  pass.gradient = gradient + plan.block(stage.layer)->offset;
  pass.scratch = scratch;
  backend.weight_gradient(op, pass, units);
}

}  // namespace convoy
