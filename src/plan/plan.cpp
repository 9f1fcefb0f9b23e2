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

// Time runs over the stages: forward layers are 0 .. n-1, the loss is n, backward of layer i is 2n
// - i.
class PlanBuilder {
 public:
  PlanBuilder(Plan& plan, const Net& net, Fusion fusion)
      : plan_(plan), net_(net), count_(static_cast<int>(net.layers().size())) {
    readers_.resize(static_cast<std::size_t>(count_) + 1);
    for (int i = 0; i < count_; ++i) {
      for (const int input : layer(i).inputs) readers_of(input).push_back(i);
    }
    first_.resize(static_cast<std::size_t>(count_));
    std::iota(first_.begin(), first_.end(), 0);
    last_ = first_;
    plan_.conv_blocks_.resize(static_cast<std::size_t>(count_));
    if (fusion == Fusion::conv_blocks) {
      for (int i = 0; i < count_; ++i) find_block(i);
    }
  }

  void build() {
    place_parameters();
    plan_.input_ = places_.allocate(net_.input().size(), 0, end_of_time());
    values_[kNetInput] = plan_.input_;
    for (int i = 0; i < count_; i = last_of(i) + 1) build_forward(i);
    build_loss();
    for (int i = count_ - 1; i >= 0; --i) {
      i = first_of(i);
      build_backward(i);
    }
    plan_.workspace_floats_ = places_.total();
  }

 private:
  const Layer& layer(int i) const { return net_.layers()[static_cast<std::size_t>(i)]; }
  std::vector<int>& readers_of(int value) { return readers_[static_cast<std::size_t>(value + 1)]; }
  Index end_of_time() const { return Index{2} * count_; }
  Index backward_time(int i) const { return end_of_time() - i; }
  Index value_size(int value) const {
    return (value == kNetInput ? net_.input() : output_shape(layer(value).op)).size();
  }

  // Looks for a block that starts at convolution i: only the next layer reads it, and so on.
  void find_block(int i) {
    const auto* conv = std::get_if<Conv2d>(&layer(i).op);
    const auto* relu = conv ? only_reader<Activation>(i) : nullptr;
    if (!relu || relu->function != ActivationFunction::relu) return;
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
    const int last = pools ? i + 2 : i + 1;
    last_[static_cast<std::size_t>(i)] = last;
    for (int l = i; l <= last; ++l) first_[static_cast<std::size_t>(l)] = i;
  }

  template <class OpType>
  const OpType* only_reader(int i) {
    const std::vector<int>& readers = readers_of(i);
    if (readers.size() != 1 || readers[0] != i + 1) return nullptr;
    return std::get_if<OpType>(&layer(i + 1).op);
  }

  // The last layer of the stage that begins with layer `first`, and the first layer of the stage to
  // which layer i belongs.
  int last_of(int first) const { return last_[static_cast<std::size_t>(first)]; }
  int first_of(int i) const { return first_[static_cast<std::size_t>(i)]; }

  void place_parameters() {
    plan_.blocks_.resize(static_cast<std::size_t>(count_));
    plan_.packed_.assign(static_cast<std::size_t>(count_), kNowhere);
    plan_.argmaxes_.assign(static_cast<std::size_t>(count_), kNowhere);
    for (const ParameterBlock& block : net_.parameter_blocks()) {
      plan_.blocks_[static_cast<std::size_t>(block.layer)] = &block;
    }
    for (int i = 0; i < count_; ++i) {
      const Op& op = layer(i).op;
      const auto& block = plan_.conv_blocks_[static_cast<std::size_t>(i)];
      plan_.scratch_floats_ =
          std::max(plan_.scratch_floats_, block ? scratch_size(*block) : scratch_size(op));
      if (net_.needs_input_gradient(i) && packed_size(op) > 0) {
        plan_.packed_[static_cast<std::size_t>(i)] = plan_.packed_size_;
        plan_.packed_size_ += align_floats(packed_size(op));
      }
      if (block ? block->pool : keeps_argmax(op) && first_of(i) == i) {
        plan_.argmaxes_[static_cast<std::size_t>(i)] = plan_.workspace_argmaxes_;
        plan_.workspace_argmaxes_ += value_size(last_of(i));
      }
    }
  }

  // An elementwise layer may overwrite its input where no other layer reads it, and the backward
  // pass of the layer that wrote it does not read it either (only elementwise layers read their own
  // output).
  bool overwrites_input(int i) {
    const int input = layer(i).inputs[0];
    return works_in_place(layer(i).op) && input != kNetInput && readers_of(input).size() == 1 &&
           !works_in_place(layer(input).op);
  }

  void build_forward(int i) {
    const Layer& l = layer(i);
    const int last = last_of(i);
    Stage stage{StageKind::forward, i, last - i};
    stage.x = values_.at(l.inputs[0]);
    if (l.inputs.size() > 1) stage.other = values_.at(l.inputs[1]);
    stage.y = overwrites_input(i) ? stage.x : places_.allocate(value_size(last), i, end_of_time());
    values_[last] = stage.y;
    plan_.forward_.push_back(stage);
  }

  void build_loss() {
    const int last = count_ - 1;
    plan_.loss_ = {StageKind::loss, last};
    plan_.loss_.x = values_.at(last);
    plan_.loss_.dx = places_.allocate(net_.loss().classes, count_, gradient_end(last));
    gradients_[last] = plan_.loss_.dx;
  }

  // dL/d(input) as this layer computes it has a place of its own. The reader whose backward pass
  // comes first (the last layer) starts the sum; the other readers' gradients are added to it in
  // descending layer order.
  void build_backward(int i) {
    const Layer& l = layer(i);
    const int last = last_of(i);
    const auto found = gradients_.find(last);
    if (found == gradients_.end()) return;  // no layer that leads to the loss reads this one
    const Offset dy = found->second;
    Stage stage{StageKind::weight_gradient, i, last - i};
    stage.x = values_.at(l.inputs[0]);
    stage.y = values_.at(last);
    stage.dy = dy;
    if (plan_.block(i)) plan_.backward_.push_back(stage);
    stage.kind = StageKind::input_gradient;
    for (const int input : l.inputs) {
      if (!needs_gradient(input)) continue;
      const Offset dx = works_in_place(l.op) ? dy
                                             : places_.allocate(value_size(input), backward_time(i),
                                                                gradient_end(input));
      stage.dx = dx;
      plan_.backward_.push_back(stage);
      const auto [first, is_first] = gradients_.try_emplace(input, dx);
      if (is_first) continue;
      Stage sum{StageKind::add_readers_gradients, input};
      sum.dx = first->second;
      sum.other = dx;
      sum.size = value_size(input);
      plan_.backward_.push_back(sum);
    }
  }

  bool needs_gradient(int value) const {
    if (value == kNetInput) return false;
    return plan_.block(value) || net_.needs_input_gradient(value);
  }

  // The time until which dL/d(value) is needed: until the backward pass of the layer that wrote the
  // value, and longer where that layer works in place. No barrier follows a weight gradient. So
  // where no input gradient follows, a slow worker of the group may still read dL/d(value) while
  // other workers are layers ahead.
  Index gradient_end(int value) const {
    value = first_of(value);
    const Layer& l = layer(value);
    if (!net_.needs_input_gradient(value)) return end_of_time();
    return works_in_place(l.op) ? gradient_end(l.inputs[0]) : backward_time(value);
  }

  Plan& plan_;
  const Net& net_;
  int count_;
  OffsetAllocator places_;
  std::map<int, Offset> values_;
  std::map<int, Offset> gradients_;
  std::vector<std::vector<int>> readers_;
  std::vector<int> first_;  // first layer of the stage that a layer belongs to
  std::vector<int> last_;   // last layer of the stage that begins with a layer
};

Plan::Plan(const Net& net, Fusion fusion) : net_(&net) {
  PlanBuilder(*this, net, fusion).build();
}

}  // namespace convoy
