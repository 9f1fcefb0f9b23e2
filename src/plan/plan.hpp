// SPDX-License-Identifier: Apache-2.0
// A net compiled for training: the order of the passes, and where everything lies in a workspace.
// It is immutable and shared; all memory that a pass uses is an argument.
//
//   Plan   = phases in order
//   Phase  = stages, and the reductions over the batch at its end
//   engine : for each phase: for each microbatch of grains: for each stage: run; then the phase's
//            reductions
//
// Several layers may be fused: then each pass of them is one stage, which has the same bits. A
// convolution, its ReLU and the 2x2 max pool after that are fused (ops/conv_block.hpp): the values
// in between are never written, and one worker runs the whole stage. A batch normalisation and its
// ReLU are, too.
//
// Where several layers read one value, each writes a gradient of its own. The gradients are added
// in descending layer order, the order in which the backward pass computes them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "net/net.hpp"
#include "ops/backend.hpp"

namespace convoy {

enum class StageKind {
  statistics,  // of a batch normalisation: mean and squared deviations of each grain's x
  forward,
  loss,                 // loss, counts, and the gradient with respect to the scores
  gradient_statistics,  // of a batch normalisation: the sums of each grain that its gradients need
  weight_gradient,
  input_gradient,
  add_readers_gradients,  // of an activation that several layers read
};

// Whether the values of a stage are summed over the batch at the end of its phase.
constexpr bool has_reduction(StageKind kind) {
  return kind == StageKind::statistics || kind == StageKind::gradient_statistics;
}

using Offset = Index;
inline constexpr Offset kNowhere = -1;

// Where a value lies in a workspace. A value that is written in one phase and used in a later one
// is kept for all samples of a worker group's batch; any other lies in the memory of a microbatch.
struct Location {
  Offset offset = kNowhere;  // in elements per sample
  Index size = 0;            // elements of a sample
  bool kept = false;

  bool exists() const { return offset != kNowhere; }
  friend bool operator==(const Location&, const Location&) = default;
};

enum class Fusion { none, layers };

// An inference plan has no backward pass and reads the parameters of a net for inference
// (net/inference_net.hpp).
enum class PlanUse { training, inference };

struct Stage {
  StageKind kind = StageKind::forward;
  int layer = 0;        // in a fused stage: the first
  int fused = 0;        // how many layers after it belong to the stage
  Location x = {};      // what the layer reads
  Location other = {};  // its second input; in add_readers_gradients: the addend
  Location y = {};      // what it, or the last of the fused layers, wrote
  Location dy = {};
  Location dx = {};    // in add_readers_gradients: the sum, and its first addend
  int reduction = -1;  // of statistics: its number in Plan::reductions()
};

// Values of a layer that are summed over the batch at the end of a phase, for each channel: mean
// and squared deviations (statistics), or two sums (gradient_statistics).
struct BatchReduction {
  StageKind kind = StageKind::statistics;
  int layer = 0;
  Index stage = 0;  // that computes the values of grains: its number in Plan::stages()
};

// Stages that a worker group runs for all its grains, one microbatch after the other, before any of
// the next phase. At its end the reductions add up what the grains of all workers have; any phase
// may have some. After the last phase the weight gradients are added up, too
// (runtime/gradient_sum.hpp).
struct Phase {
  Range stages;      // numbers of Plan::stages()
  Range reductions;  // numbers of Plan::reductions()
};

class Plan {
 public:
  explicit Plan(const Net& net, Fusion fusion = Fusion::none, PlanUse use = PlanUse::training);

  const Net& net() const { return *net_; }
  Fusion fusion() const { return fusion_; }
  // All stages, in the order of the phases: the forward pass, the loss, the backward pass.
  std::span<const Stage> stages() const { return stages_; }
  std::span<const Stage> forward() const { return stages().first(loss_); }
  const Stage& loss() const { return stages_[loss_]; }  // x: scores, dx: their gradient
  std::span<const Stage> backward() const { return stages().subspan(loss_ + 1); }
  // A net without an operation that needs the whole batch has one phase.
  std::span<const Phase> phases() const { return phases_; }
  std::span<const BatchReduction> reductions() const { return reductions_; }
  // The smallest group of any batch normalisation, in samples, of which all others are multiples;
  // 0: none has groups. A microbatch lies within a group.
  Index group_samples() const { return group_samples_; }

  const Location& input() const { return input_; }
  // Floats per sample of a microbatch, and of the values that are kept for all samples.
  Index workspace_floats() const { return workspace_floats_; }
  Index kept_floats() const { return kept_floats_; }
  // Argmaxes of the max pools, per sample. With several phases they are kept for all samples.
  Index workspace_argmaxes() const { return workspace_argmaxes_; }
  bool keeps_argmaxes() const { return phases_.size() > 1; }
  Index scratch_floats() const { return scratch_floats_; }  // per worker, not per sample
  Offset argmax(int layer) const { return argmaxes_[static_cast<std::size_t>(layer)]; }

  // The weights prepared for input gradients are a second arena beside the parameters.
  Index packed_size() const { return packed_size_; }
  Offset packed(int layer) const { return packed_[static_cast<std::size_t>(layer)]; }
  // The coefficients of a batch normalisation, in floats for each of its groups
  // (ops/batch_norm2d.hpp); kNowhere in an inference plan, where they are its parameters.
  Offset coefficients(int layer) const { return coefficients_[static_cast<std::size_t>(layer)]; }
  Index coefficients_size() const { return coefficients_size_; }
  // The operation of a layer; of a stage, that of its first layer. (With a ReLU that is fused.)
  const Op& op(int layer) const { return ops_[static_cast<std::size_t>(layer)]; }
  const Op& op(const Stage& stage) const { return op(stage.layer); }
  // The operation that a fused convolution runs; null for any other stage.
  const ConvBlock* conv_block(const Stage& stage) const {
    const auto& block = conv_blocks_[static_cast<std::size_t>(stage.layer)];
    return block ? &*block : nullptr;
  }
  // The parameter block of a layer, or null.
  const ParameterBlock* block(int layer) const { return blocks_[static_cast<std::size_t>(layer)]; }

 private:
  friend class PlanBuilder;
  const Net* net_;
  Fusion fusion_;
  std::vector<Stage> stages_;
  std::size_t loss_ = 0;
  std::vector<Phase> phases_;
  std::vector<BatchReduction> reductions_;
  Location input_;
  std::vector<Op> ops_;
  std::vector<Offset> argmaxes_, packed_, coefficients_;
  std::vector<const ParameterBlock*> blocks_;
  std::vector<std::optional<ConvBlock>> conv_blocks_;  // indexed by the layer of the convolution
  Index workspace_floats_ = 0, kept_floats_ = 0;
  Index workspace_argmaxes_ = 0;
  Index scratch_floats_ = 0;
  Index packed_size_ = 0;
  Index coefficients_size_ = 0;
  Index group_samples_ = 0;
};

// The mutable memory of one worker group: for `microbatch` samples at a time, and what is kept for
// `batch` samples. Its size is fixed. A value at offset p of either memory begins, for a sample
// with number s there, at p * (samples of that memory) + s * (size of the value).
class Workspace {
 public:
  Workspace() = default;  // without memory
  // `memory` has Workspace::bytes(...) bytes and starts on a cache line. The caller owns it and may
  // share it.
  Workspace(const Plan& plan, Index microbatch, Index batch, std::byte* memory);
  static Index bytes(const Plan& plan, Index microbatch, Index batch);

  // The same memory for a microbatch that begins with sample `first` of the worker group's batch.
  Workspace from(Index first) const;

  // The values, argmaxes and labels of the microbatch.
  float* at(const Location& location) const {
    return location.kept ? kept_ + location.offset * batch_ + first_ * location.size
                         : values_ + location.offset * microbatch_;
  }
  Argmax* argmaxes(Offset offset, Index size) const {
    return argmaxes_ + offset * argmax_samples_ + argmax_first_ * size;
  }
  Label* labels() const { return labels_ + argmax_first_; }

 private:
  Index microbatch_ = 0, batch_ = 0;
  bool keeps_argmaxes_ = false;
  Index argmax_samples_ = 0;
  Index first_ = 0, argmax_first_ = 0;
  float* values_ = nullptr;
  float* kept_ = nullptr;
  Argmax* argmaxes_ = nullptr;
  Label* labels_ = nullptr;
};

// What a stage reads besides the workspace.
struct Weights {
  const float* parameters = nullptr;  // arena
  const float* packed = nullptr;      // Plan::packed_size() floats
  // Plan::coefficients_size() floats: those of the group of samples in which the microbatch lies.
  const float* coefficients = nullptr;

  // The same for a microbatch that begins with sample `first` of the batch; here `coefficients` are
  // those of the batch's first group.
  Weights of_samples(const Plan& plan, Index first) const {
    Weights weights = *this;
    if (const Index samples = plan.group_samples(); samples > 0) {
      weights.coefficients += first / samples * plan.coefficients_size();
    }
    return weights;
  }
};

// The number of units into which a stage can be divided (weight_gradient: rows of the parameter
// block).
Index stage_units(const Plan& plan, const Stage& stage, Index samples);

// Which elements units of a stage write, in elements of its output over all samples; not for a
// loss, a weight gradient or statistics. Calls span(begin, size) for each contiguous part, in the
// order of the units. A max pool's forward pass writes the same elements of its argmaxes.
const Location& stage_output(const Stage& stage);
template <class Span>
void stage_spans(const Plan& plan, const Stage& stage, Index samples, Range units,
                 const Span& span);

// Runs units of a stage on the first `samples` of the workspace; not for a loss, a weight gradient
// or statistics. `context` is that of these samples; its layer is set here.
void run_stage(const Plan& plan, const Stage& stage, const Backend& backend, const Weights& weights,
               const StepContext& context, const Workspace& workspace, Index samples,
               float* scratch, Range units);

// Writes the statistics, or gradient statistics, of samples [samples) of the workspace for the
// channels of some units to `values` [2][channels].
void run_statistics(const Plan& plan, const Stage& stage, const Backend& backend,
                    const Weights& weights, const Workspace& workspace, Range samples,
                    double* values, Range units);

// The values from which a weight gradient is computed, for a number of samples. They lie in the
// workspace or in a copy of it.
struct LayerValues {
  const float* x = nullptr;   // [samples][in]
  const float* dy = nullptr;  // [samples][out]
  const float* y = nullptr;   // [samples][out], in a fused stage
  const Argmax* argmax = nullptr;
  StepContext context = {};
};
LayerValues layer_values(const Plan& plan, const Stage& stage, const StepContext& context,
                         const Workspace& workspace);

// Writes the weight gradient of samples [samples) alone into the arena `gradient`.
void run_weight_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                         const LayerValues& values, Range samples, float* gradient, float* scratch,
                         Range units);

// Whether the backend itself adds up the weight gradients of this stage over several grains.
bool has_weight_gradient_sum(const Plan& plan, const Stage& stage, const Backend& backend);

// Adds up the weight gradients of consecutive grains, the first of which begins with sample
// `first`, in `slots` [slot][arena]; `depth` of them are in use before.
void run_weight_gradient_sum(const Plan& plan, const Stage& stage, const Backend& backend,
                             const LayerValues& values, Index first,
                             std::span<const GrainPush> grains, float* slots, Index depth,
                             Range units);

// How the units of a stage other than loss and weight_gradient lie in memory.
UnitLayout unit_layout(const Plan& plan, const Stage& stage, Index samples);

template <class Span>
void stage_spans(const Plan& plan, const Stage& stage, Index samples, Range units,
                 const Span& span) {
  if (units.empty()) return;
  const UnitLayout layout = unit_layout(plan, stage, samples);
  if (layout.columns == 0) {
    const Index begin = units.begin * layout.length;
    return span(begin, std::min(units.end * layout.length, layout.total) - begin);
  }
  for (Index unit = units.begin; unit < units.end; ++unit) {
    const Index column = unit / samples * kColumnBlock;
    span(unit % samples * layout.columns + column, std::min(kColumnBlock, layout.columns - column));
  }
}

}  // namespace convoy
