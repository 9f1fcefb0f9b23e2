// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/compile.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/check.hpp"
#include "ops/cuda/loss_parts.hpp"
#include "plan/stage_names.hpp"

namespace convoy::cuda {
namespace {

class Compiler {
 public:
  Compiler(const Plan& plan, const Work& work, Division division, Index batch,
           const NetOptimizer* optimizer)
      : plan_(plan), work_(work), division_(division), batch_(batch), optimizer_(optimizer) {
    for (const ParameterBlock& block : plan.net().parameter_blocks()) {
      first_rows_.push_back(out_.rows);
      out_.rows += block.shape.rows();
    }
  }

  Compiled compile(bool from_host) {
    place_values();
    out_.codes.push_back({CodeKind::fill, 0, true, Code::kFillsInput});
    for (const Phase& phase : plan_.phases()) {
      for (Index number = phase.stages.begin; number < phase.stages.end; ++number) {
        build(plan_.stages()[static_cast<std::size_t>(number)]);
      }
      for (Index number = phase.reductions.begin; number < phase.reductions.end; ++number) {
        build_reduction(static_cast<int>(number));
      }
    }
    out_.codes.back().barrier_after = true;
    finish_strides();
    out_.reductions = std::move(reductions_);
    if (optimizer_ && (from_host || optimizer_->needs_whole_gradient())) build_update();
    return std::move(out_);
  }

 private:
  int number_of(const Stage& stage) const { return static_cast<int>(stage_number(plan_, stage)); }

  // Places a value of `size` elements per sample after all values that were placed before.
  Operand allocate(Index size) {
    const Operand operand{Memory::workspace, static_cast<int>(size),
                          out_.workspace * work_.samples};
    out_.workspace += align_floats(size);
    out_.largest = std::max(out_.largest, size);
    return operand;
  }
  // A value of the plan. What it keeps for all samples lies behind the values of a microbatch,
  // which here has all samples, too.
  Operand workspace(const Location& location) const {
    const Index offset = (location.kept ? plan_.workspace_floats() : 0) + location.offset;
    return {Memory::workspace, static_cast<int>(location.size), offset * work_.samples};
  }

  // Places the plan's workspace, then the values that a GPU needs in addition.
  void place_values() {
    const Net& net = plan_.net();
    const std::size_t layers = net.layers().size();
    out_.workspace = plan_.workspace_floats() + plan_.kept_floats();
    out_.ends.input = workspace(plan_.input());
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
    out_.ends.logits = workspace(plan_.loss().x);
    const Location& dlogits = plan_.loss().dx;
    out_.ends.dlogits = dlogits.exists() ? workspace(dlogits) : allocate(classes);
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
    Operands at;
    at.layer = stage.layer;
    at.x = workspace(stage.x);
    if (stage.other.exists()) at.other = workspace(stage.other);
    at.y = workspace(stage.y);
    at.dy = workspace(stage.dy);
    if (stage.dx.exists()) at.dx = workspace(stage.dx);
    if (plan_.coefficients(stage.layer) != kNowhere) {
      at.parameters = {Memory::coefficients, 0, plan_.coefficients(stage.layer)};
    } else if (const ParameterBlock* block = plan_.block(stage.layer)) {
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

  void build(const Stage& stage) {
    switch (stage.kind) {
      case StageKind::statistics:
      case StageKind::gradient_statistics:
        return build_statistics(stage);
      case StageKind::forward:
        return add(forward(plan_.op(stage), operands_of(stage), work_), stage);
      case StageKind::loss:
        return build_loss(stage);
      case StageKind::weight_gradient:
        return build_weight_gradient(stage);
      case StageKind::input_gradient:
        return add(input_gradient(plan_.op(stage), operands_of(stage), work_), stage);
      case StageKind::add_readers_gradients:
        return add({{Copy{workspace(stage.other), workspace(stage.dx),
                          static_cast<int>(stage.dx.size), true}}},
                   stage);
    }
  }

  void build_loss(const Stage& stage) {
    const bool once = finds_once(plan_.net().loss());
    const auto add_part = [&](CodeKind kind) {
      out_.codes.push_back({kind, 0, true, number_of(stage)});
    };
    if (once) add_part(CodeKind::loss_largest);
    add_part(CodeKind::loss_terms);
    if (once) add_part(CodeKind::loss_totals);
    add_part(CodeKind::loss_gradient);
    add_part(CodeKind::loss_sum);
    out_.forward_codes = static_cast<int>(out_.codes.size());
    // No code of the backward pass reads what the last of them wrote.
    out_.codes.back().barrier_after = false;
  }

  // The statistics of each grain: the number of the reduction is that of its memory.
  void build_statistics(const Stage& stage) {
    const auto& op = std::get<BatchNorm2d>(plan_.op(stage));
    GrainStatistics task;
    task.backward = stage.kind == StageKind::gradient_statistics;
    task.x = workspace(stage.x);
    if (task.backward) task.dy = workspace(stage.dy);
    task.values = {Memory::statistics, 0, 2 * values_of_grains_};
    task.coefficients = {Memory::coefficients, 0, plan_.coefficients(stage.layer)};
    task.op = in_32_bits(op);
    task.height = static_cast<int>(op.in.height);
    task.width = static_cast<int>(op.in.width);
    add({{task}}, stage);
    reductions_.push_back(reduction_of(stage, op));
  }

  // (Reductions are in the order of their stages.)
  StatisticsReduction reduction_of(const Stage& stage, const BatchNorm2d& op) {
    const ParameterBlock& block = *plan_.block(stage.layer);
    const Index channels = op.in.channels, grains = (work_.samples + work_.grain - 1) / work_.grain;
    StatisticsReduction r;
    r.backward = stage.kind == StageKind::gradient_statistics;
    r.op = op;
    r.channels = static_cast<int>(channels);
    r.pixels = static_cast<int>(op.in.height * op.in.width);
    r.group_grains = static_cast<int>(op.group / work_.grain);
    r.set_samples = static_cast<int>(plan_.group_samples());
    r.coefficients_size = plan_.coefficients_size();
    r.coefficients = plan_.coefficients(stage.layer);
    if (op.scale) r.gamma = block.offset;
    r.beta = block.offset + block.shape.weights();
    r.running_mean = plan_.net().buffers_of(stage.layer);
    r.values = values_of_grains_;
    values_of_grains_ += grains * 2 * channels;
    r.subtrees = out_.statistics_subtrees;
    out_.statistics_subtrees += tree::max_depth(grains, op.group / work_.grain) * 2 * channels;
    const auto [forward, is_new] =
        forward_of_layer_.try_emplace(stage.layer, out_.forward_coefficients);
    r.forward = forward->second;
    const Index groups = op.group == 0 ? 1 : (batch_ + op.group - 1) / op.group;
    if (is_new) out_.forward_coefficients += groups * channels;
    out_.statistics_values = values_of_grains_;
    return r;
  }

  // Codes that finish a reduction, and in a backward pass update the parameters.
  void build_reduction(int number) {
    const BatchReduction& reduction = plan_.reductions()[static_cast<std::size_t>(number)];
    const bool backward = reduction.kind == StageKind::gradient_statistics;
    const Stage& stage = plan_.stages()[static_cast<std::size_t>(reduction.stage)];
    out_.codes.back().barrier_after = true;
    out_.codes.push_back({CodeKind::reduction, number, true, number_of(stage)});
    if (!backward) return;
    ParameterSource source = source_of(stage);
    source.is_reduced = true;
    out_.sources.push_back(source);
    out_.codes.push_back(
        {CodeKind::sum, static_cast<int>(out_.sources.size()) - 1, true, number_of(stage)});
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

  ParameterSource source_of(const Stage& stage) {
    const ParameterBlock& block = *plan_.block(stage.layer);
    ParameterSource source;
    source.begin = block.offset;
    source.rows = static_cast<int>(block.shape.rows());
    source.taps = static_cast<int>(block.shape.taps);
    source.columns = static_cast<int>(block.shape.columns);
    source.is_map = block.shape.is_map;
    const auto number = static_cast<std::size_t>(&block - plan_.net().parameter_blocks().data());
    source.block = static_cast<int>(number);
    source.first_row = first_rows_[number];
    if (optimizer_) {
      source.update = optimizer_->blocks[number];
      source.orthogonal = optimizer_->needs_whole_matrices() && source.matrix().is_matrix() &&
                          !source.update.weight.frozen;
    }
    if (source.orthogonal) {
      const Index rows = wide(source.matrix()).rows;
      source.gram = out_.gram;
      out_.gram += align_floats(rows * rows);
    }
    source.packed = {plan_.packed(stage.layer) != kNowhere, plan_.packed(stage.layer),
                     packing_of(plan_.op(stage))};
    return source;
  }

  void build_update() {
    const auto add_all = [&](std::initializer_list<CodeKind> kinds, int index = 0) {
      for (const CodeKind kind : kinds) {
        out_.update_codes.push_back({kind, index, true, Code::kUpdates});
      }
    };
    if (optimizer_->needs_norms()) {
      add_all({CodeKind::row_squares, CodeKind::tensor_squares, CodeKind::tensor_factors});
    }
    if (const auto* muon = std::get_if<Muon>(&optimizer_->optimizer)) {
      add_all({CodeKind::momentum, CodeKind::row_squares, CodeKind::tensor_squares,
               CodeKind::start_iterations});
      for (int step = 0; step < static_cast<int>(muon->ns_steps); ++step) {
        add_all({CodeKind::gram, CodeKind::polynomial, CodeKind::iterate}, step);
      }
    }
    add_all({CodeKind::update});
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
  const Index batch_;
  const NetOptimizer* const optimizer_;
  Compiled out_;
  std::vector<StatisticsReduction> reductions_;
  Index values_of_grains_ = 0;                  // doubles of all reductions so far
  std::map<int, Index> forward_of_layer_;       // StatisticsReduction::forward
  std::vector<Index> first_rows_;               // of each parameter block
  std::vector<Operand> argmaxes_, bordered_x_;  // [layer]
  Operand bordered_dy_;
};

}  // namespace

Compiled compile(const Plan& plan, const Work& work, Division division, Index batch,
                 const NetOptimizer* optimizer, bool from_host) {
  return Compiler(plan, work, division, batch, optimizer).compile(from_host);
}

}  // namespace convoy::cuda
