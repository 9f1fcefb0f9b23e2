// SPDX-License-Identifier: Apache-2.0
// A net compiled for training: which pass runs after which, and where everything lies in a
// workspace. Immutable and shared; all memory that a pass touches is an argument.
//
// A convolution, its ReLU and the 2x2 max pool after that may be fused: one stage a pass (ops/
// conv_block.hpp), with the same bits, whose values in between are never written. Fused stages are
// run whole, by one worker.
//
// Where several layers read one value, each writes its own gradient; they are added in descending
// layer order, the order in which the backward pass comes to them.
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
  add_gradients,  // of an activation that several layers read
};

// A place in the workspace, in elements per sample.
using Place = Index;
inline constexpr Place kNowhere = -1;

enum class Fusion { none, conv_blocks };

struct Stage {
  StageKind kind = StageKind::forward;
  int layer = 0;           // of a fused stage: the convolution
  int fused = 0;           // how many layers after it belong to the stage
  Place x = kNowhere;      // what the layer reads
  Place other = kNowhere;  // its second input; of add_gradients: the addend
  Place y = kNowhere;      // what it wrote, or the last of the fused layers
  Place dy = kNowhere;
  Place dx = kNowhere;  // of add_gradients: the sum, and its first addend
  Index size = 0;       // of add_gradients: elements per sample
};

class Plan {
 public:
  explicit Plan(const Net& net, Fusion fusion = Fusion::none);

  const Net& net() const { return *net_; }
  Place input() const { return input_; }
  const std::vector<Stage>& forward() const { return forward_; }  // without the loss
  const Stage& loss() const { return loss_; }                     // x: scores, dx: their gradient
  const std::vector<Stage>& backward() const { return backward_; }

  // Per sample: floats (activations and gradients) and choices of the max pools.
  Index workspace_floats() const { return workspace_floats_; }
  Index workspace_choices() const { return workspace_choices_; }
  Index scratch_floats() const { return scratch_floats_; }  // per worker, not per sample
  Place choice(int layer) const { return choices_[static_cast<std::size_t>(layer)]; }

  // Weights prepared for input gradients: a second arena beside the parameters.
  Index packed_size() const { return packed_size_; }
  Place packed(int layer) const { return packed_[static_cast<std::size_t>(layer)]; }
  // What a fused stage runs.
  const ConvBlock& conv_block(const Stage& stage) const {
    return *conv_blocks_[static_cast<std::size_t>(stage.layer)];
  }
  // The parameter block of a layer, or null.
  const ParameterBlock* block(int layer) const { return blocks_[static_cast<std::size_t>(layer)]; }

 private:
  friend class PlanBuilder;
  const Net* net_;
  Place input_ = 0;
  std::vector<Stage> forward_;
  Stage loss_;
  std::vector<Stage> backward_;
  std::vector<Place> choices_;
  std::vector<Place> packed_;
  std::vector<const ParameterBlock*> blocks_;
  std::vector<std::optional<ConvBlock>> conv_blocks_;  // by the layer of the convolution
  Index workspace_floats_ = 0;
  Index workspace_choices_ = 0;
  Index scratch_floats_ = 0;
  Index packed_size_ = 0;
};

// The mutable memory of one team for `capacity` samples at a time; sized once. Place p of a sample
// lies at p * capacity + sample * (size of what lies there).
struct Workspace {
  // `memory`: Workspace::bytes(plan, capacity), on a cache line, of the caller, who may share it.
  Workspace(const Plan& plan, Index capacity, std::byte* memory);
  static Index bytes(const Plan& plan, Index capacity);

  float* at(Place place) { return values + place * capacity; }

  Index capacity;
  float* values;
  Choice* choices;
  Label* labels;
};

// What a stage reads beside the workspace.
struct Weights {
  const float* parameters = nullptr;  // arena
  const float* packed = nullptr;      // Plan::packed_size() floats
};

// How many units a stage can be divided into (weight_gradient: rows of the parameter block).
Index stage_units(const Plan& plan, const Stage& stage, Index samples);

// What units of a stage other than loss and weight_gradient write, in elements of its output over
// all samples: span(begin, size) for each contiguous part, in the order of the units. The output's
// place is stage_output(); a max pool's forward writes the same elements of its choices.
Place stage_output(const Stage& stage);
template <class Span>
void stage_spans(const Plan& plan, const Stage& stage, Index samples, Range units,
                 const Span& span);

// Runs units of a stage other than loss and weight_gradient on the first `samples` of the
// workspace.
void run_stage(const Plan& plan, const Stage& stage, const Backend& backend, const Weights& weights,
               Workspace& workspace, Index samples, float* scratch, Range units);

// What a weight gradient is computed from, for a number of samples: of the workspace, or kept from
// it.
struct LayerValues {
  const float* x = nullptr;   // [samples][in]
  const float* dy = nullptr;  // [samples][out]
  const float* y = nullptr;   // [samples][out], of a fused stage
  const Choice* choice = nullptr;
};
LayerValues layer_values(const Plan& plan, const Stage& stage, Workspace& workspace);

// The weight gradient of samples [samples) alone, into the arena `gradient`.
void run_weight_gradient(const Plan& plan, const Stage& stage, const Backend& backend,
                         const LayerValues& values, Range samples, float* gradient, float* scratch,
                         Range units);

// Does the backend add up this stage's weight gradients itself?
bool has_weight_gradient_sum(const Plan& plan, const Stage& stage, const Backend& backend);

// Those of consecutive grains, the first of which begins with sample `first`, into `slots`
// [slot][arena] of which `depth` are in use.
void run_weight_gradient_sum(const Plan& plan, const Stage& stage, const Backend& backend,
                             const LayerValues& values, Index first,
                             std::span<const GrainStep> grains, float* slots, Index depth,
                             Range units);

// How the units of a stage lie in memory: `length` elements each, one after the other; or (dense)
// blocks of kColumnBlock of the `columns` of each sample.
struct UnitLayout {
  Index length = 0;
  Index columns = 0;  // 0: one after the other
  Index total = 0;    // elements of all samples
};
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
