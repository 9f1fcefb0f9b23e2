// SPDX-License-Identifier: Apache-2.0
// A net compiled for training: the order of the passes, and where everything lies in a workspace.
// It is immutable and shared; all memory that a pass uses is an argument.
//
// A convolution, its ReLU and the 2x2 max pool after that may be fused: then each pass of them is
// one stage (ops/conv_block.hpp). It has the same bits, and the values in between are never
// written. One worker runs the whole of a fused stage.
//
// Where several layers read one value, each writes a gradient of its own. The gradients are added
// in descending layer order, the order in which the backward pass computes them.
#pragma once

#include <optional>
#include <vector>

#include "net/net.hpp"
#include "ops/backend.hpp"

namespace convoy {

enum class StageKind {
  forward,
  loss,  // loss, counts, and the gradient with respect to the scores
  weight_gradient,
  input_gradient,
  add_readers_gradients,  // of an activation that several layers read
};

// An offset in the workspace, in elements per sample.
using Offset = Index;
inline constexpr Offset kNowhere = -1;

enum class Fusion { none, conv_blocks };

struct Stage {
  StageKind kind = StageKind::forward;
  int layer = 0;            // in a fused stage: the convolution
  int fused = 0;            // how many layers after it belong to the stage
  Offset x = kNowhere;      // what the layer reads
  Offset other = kNowhere;  // its second input; in add_readers_gradients: the addend
  Offset y = kNowhere;      // what it, or the last of the fused layers, wrote
  Offset dy = kNowhere;
  Offset dx = kNowhere;  // in add_readers_gradients: the sum, and its first addend
  Index size = 0;        // in add_readers_gradients: elements per sample
};

class Plan {
 public:
  explicit Plan(const Net& net, Fusion fusion = Fusion::none);

  const Net& net() const { return *net_; }
  Offset input() const { return input_; }
  const std::vector<Stage>& forward() const { return forward_; }  // without the loss
  const Stage& loss() const { return loss_; }                     // x: scores, dx: their gradient
  const std::vector<Stage>& backward() const { return backward_; }

  // Per sample: floats (activations and gradients) and argmaxes of the max pools.
  Index workspace_floats() const { return workspace_floats_; }
  Index workspace_argmaxes() const { return workspace_argmaxes_; }
  Index scratch_floats() const { return scratch_floats_; }  // per worker, not per sample
  Offset argmax(int layer) const { return argmaxes_[static_cast<std::size_t>(layer)]; }

  // The weights prepared for input gradients are a second arena beside the parameters.
  Index packed_size() const { return packed_size_; }
  Offset packed(int layer) const { return packed_[static_cast<std::size_t>(layer)]; }
  // The operation of a layer; of a stage, that of its first layer.
  const Op& op(int layer) const { return net_->layers()[static_cast<std::size_t>(layer)].op; }
  const Op& op(const Stage& stage) const { return op(stage.layer); }
  // The operation that a fused stage runs.
  const ConvBlock& conv_block(const Stage& stage) const {
    return *conv_blocks_[static_cast<std::size_t>(stage.layer)];
  }
  // The parameter block of a layer, or null.
  const ParameterBlock* block(int layer) const { return blocks_[static_cast<std::size_t>(layer)]; }

 private:
  friend class PlanBuilder;
  const Net* net_;
  Offset input_ = 0;
  std::vector<Stage> forward_;
  Stage loss_;
  std::vector<Stage> backward_;
  std::vector<Offset> argmaxes_;
  std::vector<Offset> packed_;
  std::vector<const ParameterBlock*> blocks_;
  std::vector<std::optional<ConvBlock>> conv_blocks_;  // indexed by the layer of the convolution
  Index workspace_floats_ = 0;
  Index workspace_argmaxes_ = 0;
  Index scratch_floats_ = 0;
  Index packed_size_ = 0;
};

// The mutable memory of one worker group for `capacity` samples at a time. Its size is fixed.
// Offset p of a sample lies at p * capacity + sample * (size of what lies there).
struct Workspace {
  // `memory` has Workspace::bytes(plan, capacity) bytes and starts on a cache line. The caller owns
  // it and may share it.
  Workspace(const Plan& plan, Index capacity, std::byte* memory);
  static Index bytes(const Plan& plan, Index capacity);

  float* at(Offset offset) { return values + offset * capacity; }

  Index capacity;
  float* values;
  Argmax* argmaxes;
  Label* labels;
};

// What a stage reads besides the workspace.
struct Weights {
  const float* parameters = nullptr;  // arena
  const float* packed = nullptr;      // Plan::packed_size() floats
};

// The number of units into which a stage can be divided (weight_gradient: rows of the parameter
// block).
Index stage_units(const Plan& plan, const Stage& stage, Index samples);

// Which elements units of a stage other than loss and weight_gradient write, in elements of its
// output over all samples. Calls span(begin, size) for each contiguous part, in the order of the
// units. The output's offset is stage_output(); a max pool's forward pass writes the same elements
// of its argmaxes.
Offset stage_output(const Stage& stage);
template <class Span>
void stage_spans(const Plan& plan, const Stage& stage, Index samples, Range units,
                 const Span& span);

// Runs units of a stage other than loss and weight_gradient on the first `samples` of the
// workspace.
void run_stage(const Plan& plan, const Stage& stage, const Backend& backend, const Weights& weights,
               Workspace& workspace, Index samples, float* scratch, Range units);

// The values from which a weight gradient is computed, for a number of samples. They lie in the
// workspace or in a copy of it.
struct LayerValues {
  const float* x = nullptr;   // [samples][in]
  const float* dy = nullptr;  // [samples][out]
  const float* y = nullptr;   // [samples][out], in a fused stage
  const Argmax* argmax = nullptr;
};
LayerValues layer_values(const Plan& plan, const Stage& stage, Workspace& workspace);

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
