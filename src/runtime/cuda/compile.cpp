// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/compile.hpp"

#include <algorithm>
#include <optional>

#include "base/check.hpp"
#include "ops/cuda/loss_parts.hpp"
#include "plan/stage_names.hpp"

namespace convoy::cuda {
namespace {

class Compiler {
 public:
  Compiler(const Plan& plan, const Work& work, Division division,
           std::span<const BlockUpdate> updates)
      : plan_(plan), work_(work), division_(division), updates_(updates) {}

  Compiled compile() {
    place_values();
    out_.codes.push_back({CodeKind::fill, 0, true, -1});
    for (const Stage& stage : plan_.forward()) {
      add(forward(plan_.op(stage), operands_of(stage), work_), stage);
    }
    build_loss();
    out_.forward_codes = static_cast<int>(out_.codes.size());
    // No code of the backward pass reads what the last of them wrote.
    out_.codes.back().barrier_after = false;
    for (const Stage& stage : plan_.backward()) build_backward(stage);
    out_.codes.back().barrier_after = true;
    finish_strides();
    return std::move(out_);
  }

 private:
  void build_loss() {
    const bool once = finds_once(plan_.net().loss());
    const auto add_part = [&](CodeKind kind) {
      out_.codes.push_back({kind, 0, true, number_of(plan_.loss())});
    };
    if (once) add_part(CodeKind::loss_largest);
    add_part(CodeKind::loss_terms);
    if (once) add_part(CodeKind::loss_totals);
    add_part(CodeKind::loss_gradient);
    add_part(CodeKind::loss_sum);
  }

  int number_of(const Stage& stage) const { return static_cast<int>(stage_number(plan_, stage)); }

  // Places a value of `size` elements per sample after all values that were placed before.
  Operand allocate(Index size) {
    const Operand operand{Memory::workspace, static_cast<int>(size),
                          out_.workspace * work_.samples};
    out_.workspace += align_floats(size);
    out_.largest = std::max(out_.largest, size);
    return operand;
  }
  Operand workspace(Offset offset, Index size) const {
    return {Memory::workspace, static_cast<int>(size), offset * work_.samples};
  }

  // Places the plan's workspace, then the values that a GPU needs in addition.
  void place_values() {
    const Net& net = plan_.net();
    const std::size_t layers = net.layers().size();
    out_.workspace = plan_.workspace_floats();
    out_.ends.input = workspace(plan_.input(), net.input().size());
    argmaxes_.resize(layers);
    bordered_x_.resize(layers);
    Index bordered_dy = 0;
    for (std::size_t i = 0; i < layers; ++i) {
      const Op& op = net.layers()[i].op;
      out_.largest = std::max({out_.largest, input_shape(op).size(), output_shape(op).size()});
      if (keeps_argmax(op)) argmaxes_[i] = allocate(output_shape(op).size());
      if (const Index size = bordered_x_size(op); size > 0) bordered_x_[i] = allocate(size);
      bordered_dy = std::max(bordered_dy, bordered_dy_size(op));
    }
    if (bordered_dy > 0) bordered_dy_ = allocate(bordered_dy);
    const Index classes = net.loss().classes;
    out_.ends.logits = workspace(plan_.loss().x, classes);
    out_.ends.dlogits = workspace(plan_.loss().dx, classes);
    out_.ends.labels = allocate(1);
    out_.ends.exponentials = allocate(classes);
    out_.ends.terms = allocate(2 * classes);
    if (finds_once(net.loss())) {
      out_.ends.largest = allocate(1);
      out_.ends.totals = allocate(1);
    }
  }

  Operands operands_of(const Stage& stage) const {
    const Op& op = plan_.op(stage);
    const auto layer = static_cast<std::size_t>(stage.layer);
    const Index in = input_shape(op).size(), out = output_shape(op).size();
    Operands at;
    at.x = workspace(stage.x, in);
    if (stage.other != kNowhere) at.other = workspace(stage.other, in);
    at.y = workspace(stage.y, out);
    at.dy = workspace(stage.dy, out);
    if (stage.dx != kNowhere) at.dx = workspace(stage.dx, in);
    if (const ParameterBlock* block = plan_.block(stage.layer)) {
      at.parameters = {Memory::parameters, 0, block->offset};
      at.packed = {Memory::packed, 0, std::max<Index>(plan_.packed(stage.layer), 0)};
    }
    at.argmax = argmaxes_[layer];
    at.bordered_x = bordered_x_[layer];
    at.bordered_dy = bordered_dy_;
    at.bordered_dy.stride = static_cast<int>(bordered_dy_size(op));
    return at;
  }

  void add(const Steps& steps, const Stage& stage) {
    for (const Step& step : steps) {
      out_.codes.push_back({CodeKind::task, static_cast<int>(out_.tasks.size()), step.barrier_after,
                            number_of(stage)});
      out_.tasks.push_back(step.task);
    }
  }

  void build_backward(const Stage& stage) {
    if (stage.kind == StageKind::weight_gradient) return build_weight_gradient(stage);
    if (stage.kind == StageKind::input_gradient) {
      return add(input_gradient(plan_.op(stage), operands_of(stage), work_), stage);
    }
    CONVOY_ASSERT(stage.kind == StageKind::add_readers_gradients);
    add({{Copy{workspace(stage.other, stage.size), workspace(stage.dx, stage.size),
               static_cast<int>(stage.size), true}}},
        stage);
  }

  void build_weight_gradient(const Stage& stage) {
    const Op& op = plan_.op(stage);
    ParameterSource source = source_of(stage);
    if (const auto* dense = std::get_if<Dense>(&op)) {
      const Operands at = operands_of(stage);
      source.dense = true;
      source.x = keep(at.x, dense->in.size(), stage);
      source.dy = keep(at.dy, dense->units, stage);
    } else {
      const Partials partials = partials_of(op, work_);
      const Index units =
          partials.by_grain ? (work_.samples + work_.grain - 1) / work_.grain : work_.samples;
      Operands at = operands_of(stage);
      at.partials = {Memory::partials, static_cast<int>(partials.size), out_.partials};
      out_.partials += align_floats(partials.size * units);
      source.partials = at.partials;
      source.by_grain = partials.by_grain;
      source.count = partials.count;
      add(weight_gradient(op, at, work_), stage);
    }
    // The next code may overwrite what was read here. The layer's own input gradient does not, and
    // reads nothing that was written here, so it needs no barrier.
    out_.codes.back().barrier_after = !is_before_input_gradient(stage);
    out_.sources.push_back(source);
    if (division_ == Division::batch) {
      out_.codes.push_back(
          {CodeKind::sum, static_cast<int>(out_.sources.size()) - 1, true, number_of(stage)});
    }
  }

  bool is_before_input_gradient(const Stage& stage) const {
    const Stage* const next = &stage + 1;
    return next < plan_.backward().data() + plan_.backward().size() &&
           next->kind == StageKind::input_gradient && next->layer == stage.layer;
  }

  ParameterSource source_of(const Stage& stage) const {
    const ParameterBlock& block = *plan_.block(stage.layer);
    ParameterSource source;
    source.begin = block.offset;
    source.rows = static_cast<int>(block.shape.rows());
    source.taps = static_cast<int>(block.shape.taps);
    source.columns = static_cast<int>(block.shape.columns);
    const auto number = static_cast<std::size_t>(&block - plan_.net().parameter_blocks().data());
    if (!updates_.empty()) source.update = updates_[number];
    source.packed = {plan_.packed(stage.layer) != kNowhere, plan_.packed(stage.layer),
                     packing_of(plan_.op(stage))};
    return source;
  }

  // Values that are summed after all stages must stay when the block takes its next sample.
  Operand keep(const Operand& value, Index size, const Stage& stage) {
    if (division_ == Division::batch) return value;
    const Operand kept{Memory::kept, 0, out_.kept};
    out_.kept += align_floats(size);
    add({{Copy{value, kept, static_cast<int>(size), false}, false}}, stage);
    return kept;
  }

  // With Division::sample all values that are kept for a sample lie together.
  void finish_strides() {
    if (division_ == Division::batch) return;
    for (ParameterSource& source : out_.sources) {
      source.partials.stride = static_cast<int>(out_.partials);
      source.x.stride = source.dy.stride = static_cast<int>(out_.kept);
    }
  }

  const Plan& plan_;
  const Work work_;
  const Division division_;
  const std::span<const BlockUpdate> updates_;
  Compiled out_;
  std::vector<Operand> argmaxes_, bordered_x_;  // [layer]
  Operand bordered_dy_;
};

}  // namespace

Compiled compile(const Plan& plan, const Work& work, Division division,
                 std::span<const BlockUpdate> updates) {
  return Compiler(plan, work, division, updates).compile();
}

}  // namespace convoy::cuda
