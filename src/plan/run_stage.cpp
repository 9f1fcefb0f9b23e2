// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"
#include "plan/plan.hpp"

namespace convoy {
namespace {

Shape stage_output_shape(const Plan& plan, const Stage& stage) {
  const ConvBlock* const block = plan.conv_block(stage);
  return block ? output_shape(*block) : output_shape(plan.op(stage));
}

// The parameters of an operation, or the coefficients that stand for them.
const float* parameters_of(const Plan& plan, const Stage& stage, const Weights& weights) {
  if (const Offset offset = plan.coefficients(stage.layer); offset != kNowhere) {
    return weights.coefficients + offset;
  }
  const ParameterBlock* block = plan.block(stage.layer);
  return block ? weights.parameters + block->offset : nullptr;
}

Argmax* argmaxes_of(const Plan& plan, const Stage& stage, const Workspace& workspace) {
  const Offset offset = plan.argmax(stage.layer);
  return offset == kNowhere ? nullptr : workspace.argmaxes(offset, stage.y.size);
}

StepContext context_of(const StepContext& context, const Stage& stage) {
  StepContext of_stage = context;
  of_stage.layer = stage.layer;
  return of_stage;
}

void run_forward(const Plan& plan, const Stage& stage, const Backend& backend,
                 const Weights& weights, const StepContext& context, const Workspace& workspace,
                 Index samples, float* scratch, Range units) {
  Forward<float> pass;
  pass.samples = samples;
  pass.x = workspace.at(stage.x);
  pass.other = stage.other.exists() ? workspace.at(stage.other) : nullptr;
  pass.parameters = parameters_of(plan, stage, weights);
  pass.y = workspace.at(stage.y);
  pass.argmax = argmaxes_of(plan, stage, workspace);
  pass.scratch = scratch;
  pass.context = context_of(context, stage);
  const ConvBlock* const block = plan.conv_block(stage);
  if (!block) return backend.forward(plan.op(stage), pass, units);
  CONVOY_ASSERT(units.size() == stage_units(plan, stage, samples));
  backend.block_forward(*block, pass);
}

void run_input_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                        const Weights& weights, const StepContext& context,
                        const Workspace& workspace, Index samples, float* scratch, Range units) {
  const Offset packed = plan.packed(stage.layer);
  InputGradient<float> pass;
  pass.samples = samples;
  pass.dy = workspace.at(stage.dy);
  pass.x = workspace.at(stage.x);
  pass.y = workspace.at(stage.y);
  pass.parameters = parameters_of(plan, stage, weights);
  pass.packed = packed == kNowhere ? nullptr : weights.packed + packed;
  pass.argmax = argmaxes_of(plan, stage, workspace);
  pass.dx = workspace.at(stage.dx);
  pass.scratch = scratch;
  pass.context = context_of(context, stage);
  const ConvBlock* const block = plan.conv_block(stage);
  if (!block) return backend.input_gradient(plan.op(stage), pass, units);
  CONVOY_ASSERT(units.size() == stage_units(plan, stage, samples));
  backend.block_input_gradient(*block, pass);
}

static_assert(sizeof(Argmax) == sizeof(float));

// The samples for which argmaxes and labels are there.
Index argmax_samples(const Plan& plan, Index microbatch, Index batch) {
  return plan.keeps_argmaxes() ? batch : microbatch;
}

}  // namespace

Workspace::Workspace(const Plan& plan, Index microbatch, Index batch, std::byte* memory)
    : microbatch_(microbatch),
      batch_(batch),
      keeps_argmaxes_(plan.keeps_argmaxes()),
      argmax_samples_(argmax_samples(plan, microbatch, batch)),
      values_(reinterpret_cast<float*>(memory)),
      kept_(values_ + align_floats(plan.workspace_floats() * microbatch)),
      argmaxes_(reinterpret_cast<Argmax*>(kept_ + align_floats(plan.kept_floats() * batch))),
      labels_(reinterpret_cast<Label*>(
          argmaxes_ + align_floats(plan.workspace_argmaxes() * argmax_samples_))) {}

Index Workspace::bytes(const Plan& plan, Index microbatch, Index batch) {
  const Index samples = argmax_samples(plan, microbatch, batch);
  return (align_floats(plan.workspace_floats() * microbatch) +
          align_floats(plan.kept_floats() * batch) +
          align_floats(plan.workspace_argmaxes() * samples)) *
             static_cast<Index>(sizeof(float)) +
         samples * static_cast<Index>(sizeof(Label));
}

Workspace Workspace::from(Index first) const {
  Workspace workspace = *this;
  workspace.first_ = first;
  workspace.argmax_first_ = keeps_argmaxes_ ? first : 0;
  return workspace;
}

Index stage_units(const Plan& plan, const Stage& stage, Index samples) {
  const Op& op = plan.op(stage);
  switch (stage.kind) {
    case StageKind::statistics:
    case StageKind::gradient_statistics:
      return (input_shape(op).channels + kColumnBlock - 1) / kColumnBlock;
    case StageKind::forward:
      return forward_units(op, samples);
    case StageKind::input_gradient:
      return input_gradient_units(op, samples);
    case StageKind::weight_gradient:
      return weight_gradient_units(op);
    case StageKind::add_readers_gradients:
      return (samples * stage.dx.size + kColumnBlock - 1) / kColumnBlock;
    case StageKind::loss:
      return samples;
  }
  return 0;
}

const Location& stage_output(const Stage& stage) {
  return stage.kind == StageKind::forward ? stage.y : stage.dx;
}

UnitLayout unit_layout(const Plan& plan, const Stage& stage, Index samples) {
  if (stage.kind == StageKind::add_readers_gradients) {
    return {kColumnBlock, 0, samples * stage.dx.size};
  }
  const Op& op = plan.op(stage);
  return stage.kind == StageKind::forward ? forward_layout(op, samples)
                                          : input_gradient_layout(op, samples);
}

void run_stage(const Plan& plan, const Stage& stage, const Backend& backend, const Weights& weights,
               const StepContext& context, const Workspace& workspace, Index samples,
               float* scratch, Range units) {
  if (units.empty()) return;
  if (stage.kind == StageKind::forward) {
    run_forward(plan, stage, backend, weights, context, workspace, samples, scratch, units);
  } else if (stage.kind == StageKind::input_gradient) {
    run_input_gradient(plan, stage, backend, weights, context, workspace, samples, scratch, units);
  } else {
    CONVOY_ASSERT(stage.kind == StageKind::add_readers_gradients);
    const Index begin = units.begin * kColumnBlock;
    const Index end = std::min(units.end * kColumnBlock, samples * stage.dx.size);
    backend.add(end - begin, workspace.at(stage.dx) + begin, workspace.at(stage.other) + begin);
  }
}

void run_statistics(const Plan& plan, const Stage& stage, const Backend& backend,
                    const Weights& weights, const Workspace& workspace, Range samples,
                    double* values, Range units) {
  if (units.empty()) return;
  const auto& op = std::get<BatchNorm2d>(plan.op(stage));
  const Index offset = samples.begin * op.in.size();
  StatisticsPass<float> pass;
  pass.samples = samples.size();
  pass.x = workspace.at(stage.x) + offset;
  pass.values = values;
  if (stage.kind == StageKind::statistics) return backend.statistics(op, pass, units);
  pass.dy = workspace.at(stage.dy) + offset;
  pass.y = workspace.at(stage.y) + offset;
  pass.mean = means(weights.coefficients + plan.coefficients(stage.layer), op.in.channels);
  backend.gradient_statistics(op, pass, units);
}

LayerValues layer_values(const Plan& plan, const Stage& stage, const StepContext& context,
                         const Workspace& workspace) {
  return {workspace.at(stage.x), workspace.at(stage.dy), workspace.at(stage.y),
          argmaxes_of(plan, stage, workspace), context_of(context, stage)};
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
  pass.context = values.context.from(samples.begin);
  const ConvBlock* const block = plan.conv_block(stage);
  if (!block) return backend.weight_gradient(op, pass, units);
  pass.y = values.y + out;
  pass.argmax = values.argmax ? values.argmax + out : nullptr;
  backend.block_weight_gradient(*block, pass, units);
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
