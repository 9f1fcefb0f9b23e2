// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

#include <map>
#include <numeric>
#include <utility>

namespace convoy {
namespace {

// Allocates places for values that live from one point in time to another. Values that do not live
// at the same time may share a place.
class OffsetAllocator {
 public:
  Offset allocate(Index size, Index from, Index to) {
    size = align_floats(size);
    Offset offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Taken& taken : taken_) {
        const bool together = from <= taken.to && taken.from <= to;
        if (together && offset < taken.offset + taken.size && taken.offset < offset + size) {
          offset = taken.offset + taken.size;
          moved = true;
        }
      }
    }
    taken_.push_back({offset, size, from, to});
    total_ = std::max(total_, offset + size);
    return offset;
  }
  Index total() const { return total_; }

 private:
  struct Taken {
    Offset offset;
    Index size, from, to;
  };
  std::vector<Taken> taken_;
  Index total_ = 0;
};

}  // namespace

// Builds the stages in the order of the layers, moves each to the earliest phase that it can run
// in, and then places the values. A `Value` is memory: an activation, or the gradient that one
// reader computes; a layer that works in place has its input's.
class PlanBuilder {
 public:
  PlanBuilder(Plan& plan, const Net& net, Fusion fusion, PlanUse use)
      : plan_(plan), net_(net), use_(use), count_(static_cast<int>(net.layers().size())) {
    readers_.resize(static_cast<std::size_t>(count_) + 1);
    for (int i = 0; i < count_; ++i) {
      plan_.ops_.push_back(layer(i).op);
      for (const int input : layer(i).inputs) readers_of(input).push_back(i);
    }
    first_.resize(static_cast<std::size_t>(count_));
    std::iota(first_.begin(), first_.end(), 0);
    last_ = first_;
    plan_.conv_blocks_.resize(static_cast<std::size_t>(count_));
    if (fusion == Fusion::layers) {
      for (int i = 0; i < count_; ++i) {
        find_conv_block(i);
        find_normalized_relu(i);
      }
    }
  }

  void build() {
    place_parameters();
    values_[kNetInput] = make_value(net_.input().size());
    value(values_[kNetInput]).phase = 0;
    for (int i = 0; i < count_; i = last_of(i) + 1) build_forward(i);
    build_loss();
    for (int i = count_ - 1; i >= 0 && use_ == PlanUse::training; --i) {
      i = first_of(i);
      build_backward(i);
    }
    order_by_phase();
    place_values();
  }

 private:
  static constexpr int kNone = -1;

  struct Value {
    Index size = 0;
    int phase = 0;  // of the stage that wrote it last
    // The stages from the first that uses it to the last; the net's input is there before them.
    Index from = -1, to = -1;
    Location location = {};
  };

  // A stage with the numbers of its values.
  struct Draft {
    Stage stage;
    int phase = 0;
    int x = kNone, other = kNone, y = kNone, dy = kNone, dx = kNone;
  };

  const Layer& layer(int i) const { return net_.layers()[static_cast<std::size_t>(i)]; }
  std::vector<int>& readers_of(int value) { return readers_[static_cast<std::size_t>(value + 1)]; }
  Index value_size(int layer_or_input) const {
    return (layer_or_input == kNetInput ? net_.input() : output_shape(layer(layer_or_input).op))
        .size();
  }
  Value& value(int number) { return all_values_[static_cast<std::size_t>(number)]; }
  int make_value(Index size) {
    all_values_.push_back({size});
    return static_cast<int>(all_values_.size()) - 1;
  }

  // Looks for a block that starts at convolution i: only the next layer reads it, and so on.
  void find_conv_block(int i) {
    const auto* conv = std::get_if<Conv2d>(&layer(i).op);
    if (!conv || !is_read_by_relu(i)) return;
    const ConvBlock with_pool{*conv, true};
    const auto* pool = only_reader<Pool2d>(i + 1);
    const bool pools = pool && *pool == pool_of(with_pool) && is_fusible(with_pool);
    const ConvBlock block{*conv, pools};
    // Where a weight gradient is larger than the values that the gradient of a usual grain, of four
    // samples, is computed from, it should be able to wait until all grains are done. That needs dy
    // itself (runtime/cpu/deferral.hpp).
    constexpr Index kUsualGrain = 4;
    const Index read = conv->in.size() + convoy::output_shape(*conv).size();
    if (parameter_shape(layer(i).op).size() > kUsualGrain * read) return;
    plan_.conv_blocks_[static_cast<std::size_t>(i)] = block;
    fuse(i, pools ? i + 2 : i + 1);
  }

  // The ReLU that alone reads a batch normalisation.
  void find_normalized_relu(int i) {
    auto* norm = std::get_if<BatchNorm2d>(&plan_.ops_[static_cast<std::size_t>(i)]);
    if (!norm || !is_read_by_relu(i)) return;
    norm->relu = true;
    fuse(i, i + 1);
  }

  bool is_read_by_relu(int i) {
    const auto* relu = only_reader<Activation>(i);
    return relu && relu->function == ActivationFunction::relu;
  }

  template <class OpType>
  const OpType* only_reader(int i) {
    const std::vector<int>& readers = readers_of(i);
    if (readers.size() != 1 || readers[0] != i + 1) return nullptr;
    return std::get_if<OpType>(&layer(i + 1).op);
  }

  void fuse(int first, int last) {
    last_[static_cast<std::size_t>(first)] = last;
    for (int i = first; i <= last; ++i) first_[static_cast<std::size_t>(i)] = first;
  }
  // The last layer of the stage that begins with layer `first`, and the first layer of the stage to
  // which layer i belongs.
  int last_of(int first) const { return last_[static_cast<std::size_t>(first)]; }
  int first_of(int i) const { return first_[static_cast<std::size_t>(i)]; }

  void place_parameters() {
    plan_.blocks_.resize(static_cast<std::size_t>(count_));
    plan_.packed_.assign(static_cast<std::size_t>(count_), kNowhere);
    plan_.argmaxes_.assign(static_cast<std::size_t>(count_), kNowhere);
    plan_.coefficients_.assign(static_cast<std::size_t>(count_), kNowhere);
    for (const ParameterBlock& block : net_.parameter_blocks()) {
      plan_.blocks_[static_cast<std::size_t>(block.layer)] = &block;
    }
    for (int i = 0; i < count_; ++i) {
      const Op& op = layer(i).op;
      const auto& block = plan_.conv_blocks_[static_cast<std::size_t>(i)];
      plan_.scratch_floats_ =
          std::max(plan_.scratch_floats_, block ? scratch_size(*block) : scratch_size(op));
      if (use_ == PlanUse::training && net_.needs_input_gradient(i) && packed_size(op) > 0) {
        plan_.packed_[static_cast<std::size_t>(i)] = plan_.packed_size_;
        plan_.packed_size_ += align_floats(packed_size(op));
      }
      if (block ? block->pool : keeps_argmax(op) && first_of(i) == i) {
        plan_.argmaxes_[static_cast<std::size_t>(i)] = plan_.workspace_argmaxes_;
        plan_.workspace_argmaxes_ += value_size(last_of(i));
      }
      const auto* norm = std::get_if<BatchNorm2d>(&op);
      if (norm && use_ == PlanUse::training) {
        plan_.coefficients_[static_cast<std::size_t>(i)] = plan_.coefficients_size_;
        plan_.coefficients_size_ += coefficients_size(*norm);
        const Index group = norm->group;
        if (group > 0 && (plan_.group_samples_ == 0 || group < plan_.group_samples_)) {
          plan_.group_samples_ = group;
        }
      }
    }
  }

  // An elementwise layer may overwrite its input where no other layer reads it, and the backward
  // pass of the stage that wrote it does not read it either.
  bool overwrites_input(int i) {
    const int input = layer(i).inputs[0];
    return works_in_place(layer(i).op) && input != kNetInput && readers_of(input).size() == 1 &&
           !reads_own_output(layer(input).op) && first_of(input) == input;
  }

  bool is_normalized(int i) const {
    return plan_.coefficients_[static_cast<std::size_t>(i)] != kNowhere;
  }

  void build_forward(int i) {
    const Layer& l = layer(i);
    const int last = last_of(i);
    Draft draft{{StageKind::statistics, i, last - i}};
    draft.x = values_.at(l.inputs[0]);
    if (is_normalized(i)) add(draft);
    draft.stage.kind = StageKind::forward;
    if (l.inputs.size() > 1) draft.other = values_.at(l.inputs[1]);
    draft.y = overwrites_input(i) ? draft.x : make_value(value_size(last));
    values_[last] = draft.y;
    add(draft, is_normalized(i));
  }

  void build_loss() {
    const int last = count_ - 1;
    Draft draft{{StageKind::loss, last}};
    draft.x = values_.at(last);
    if (use_ == PlanUse::training) {
      draft.dx = make_value(net_.loss().classes);
      gradients_[last] = draft.dx;
    }
    add(draft);
  }

  // dL/d(input) as this layer computes it has a place of its own. The reader whose backward pass
  // comes first (the last layer) starts the sum; the other readers' gradients are added to it in
  // descending layer order.
  void build_backward(int i) {
    const Layer& l = layer(i);
    const int last = last_of(i);
    const auto found = gradients_.find(last);
    if (found == gradients_.end()) return;  // no layer that leads to the loss reads this one
    Draft draft{{StageKind::weight_gradient, i, last - i}};
    draft.x = values_.at(l.inputs[0]);
    draft.y = values_.at(last);
    draft.dy = found->second;
    if (is_normalized(i)) {
      draft.stage.kind = StageKind::gradient_statistics;
      add(draft);
    } else if (plan_.block(i)) {
      add(draft);
    }
    draft.stage.kind = StageKind::input_gradient;
    for (const int input : l.inputs) {
      if (!needs_gradient(input)) continue;
      draft.dx = works_in_place(l.op) ? draft.dy : make_value(value_size(input));
      add(draft, is_normalized(i));
      const auto [first, is_first] = gradients_.try_emplace(input, draft.dx);
      if (is_first) continue;
      Draft sum{{StageKind::add_readers_gradients, input}};
      sum.dx = first->second;
      sum.other = draft.dx;
      add(sum);
    }
  }

  bool needs_gradient(int layer_or_input) const {
    if (layer_or_input == kNetInput) return false;
    return plan_.block(layer_or_input) || net_.needs_input_gradient(layer_or_input);
  }

  // Adds a stage to the earliest phase in which all that it reads is there. A stage that needs a
  // reduction (that of the layer's stage before) belongs to the phase after it.
  void add(Draft draft, bool needs_reduction = false) {
    if (needs_reduction) draft.phase = phase_of_statistics_ + 1;
    for (const int number : {draft.x, draft.other, draft.y, draft.dy, draft.dx}) {
      if (number != kNone) draft.phase = std::max(draft.phase, value(number).phase);
    }
    if (has_reduction(draft.stage.kind)) {
      phase_of_statistics_ = draft.phase;
    } else {
      const int written = draft.stage.kind == StageKind::forward ? draft.y : draft.dx;
      if (written != kNone) value(written).phase = draft.phase;
    }
    drafts_.push_back(draft);
  }

  void order_by_phase() {
    std::ranges::stable_sort(drafts_, {}, &Draft::phase);
    for (Draft& draft : drafts_) {
      const auto number = static_cast<Index>(&draft - drafts_.data());
      const auto phase = static_cast<std::size_t>(draft.phase);
      if (phase == plan_.phases_.size()) {
        const auto reductions = static_cast<Index>(plan_.reductions_.size());
        plan_.phases_.push_back({{number, number}, {reductions, reductions}});
      }
      if (draft.stage.kind == StageKind::loss) plan_.loss_ = static_cast<std::size_t>(number);
      if (has_reduction(draft.stage.kind)) {
        draft.stage.reduction = static_cast<int>(plan_.reductions_.size());
        plan_.reductions_.push_back({draft.stage.kind, draft.stage.layer, number});
      }
      plan_.phases_.back().stages.end = number + 1;
      plan_.phases_.back().reductions.end = static_cast<Index>(plan_.reductions_.size());
    }
  }

  // The stage whose end is the next barrier after each stage began. None follows a weight gradient
  // or statistics: a slow worker of the group may still read what they read while other workers are
  // stages ahead. A phase ends in a barrier.
  std::vector<Index> barriers() const {
    std::vector<Index> barrier(drafts_.size());
    for (const Phase& phase : plan_.phases_) {
      Index next = phase.stages.end - 1;
      for (Index i = next; i >= phase.stages.begin; --i) {
        const StageKind kind = drafts_[static_cast<std::size_t>(i)].stage.kind;
        if (kind != StageKind::weight_gradient && !has_reduction(kind)) next = i;
        barrier[static_cast<std::size_t>(i)] = next;
      }
    }
    return barrier;
  }

  // A value is in use until the next barrier after its last use.
  void place_values() {
    const auto stages = static_cast<Index>(drafts_.size());
    const std::vector<Index> barrier = barriers();
    for (Index i = 0; i < stages; ++i) {
      const Draft& draft = drafts_[static_cast<std::size_t>(i)];
      for (const int number : {draft.x, draft.other, draft.y, draft.dy, draft.dx}) {
        if (number == kNone) continue;
        Value& used = value(number);
        if (used.to < 0 && number != values_[kNetInput]) used.from = i;
        used.to = std::max(used.to, barrier[static_cast<std::size_t>(i)]);
      }
    }
    for (Value& v : all_values_) {
      const Index first = phase_of(v.from), last = phase_of(v.to);
      v.location.size = v.size;
      v.location.kept = first != last;
      v.location.offset = v.location.kept ? kept_.allocate(v.size, first, last)
                                          : workspace_.allocate(v.size, v.from, v.to);
    }
    for (const Draft& draft : drafts_) {
      Stage stage = draft.stage;
      stage.x = location_of(draft.x);
      stage.other = location_of(draft.other);
      stage.y = location_of(draft.y);
      stage.dy = location_of(draft.dy);
      stage.dx = location_of(draft.dx);
      plan_.stages_.push_back(stage);
    }
    plan_.input_ = location_of(values_[kNetInput]);
    plan_.workspace_floats_ = workspace_.total();
    plan_.kept_floats_ = kept_.total();
  }

  Index phase_of(Index stage) const {
    const auto phases = static_cast<Index>(plan_.phases_.size());
    Index phase = 0;
    while (phase + 1 < phases &&
           plan_.phases_[static_cast<std::size_t>(phase)].stages.end <= stage) {
      ++phase;
    }
    return phase;
  }

  Location location_of(int number) { return number == kNone ? Location{} : value(number).location; }

  Plan& plan_;
  const Net& net_;
  const PlanUse use_;
  int count_;
  std::vector<Draft> drafts_;
  std::vector<Value> all_values_;
  std::map<int, int> values_;     // of each layer's output
  std::map<int, int> gradients_;  // of each layer's output
  int phase_of_statistics_ = 0;   // of the latest statistics
  OffsetAllocator workspace_;     // time is counted in stages
  OffsetAllocator kept_;          // time is counted in phases
  std::vector<std::vector<int>> readers_;
  std::vector<int> first_;  // first layer of the stage that a layer belongs to
  std::vector<int> last_;   // last layer of the stage that begins with a layer
};

Plan::Plan(const Net& net, Fusion fusion, PlanUse use) : net_(&net), fusion_(fusion) {
  PlanBuilder(*this, net, fusion, use).build();
}

}  // namespace convoy
