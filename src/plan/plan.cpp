// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

#include <map>
#include <numeric>
#include <utility>

namespace convoy {
namespace {

// Places for values that live from one point in time to another; values that do not live together
// may share a place.
class PlaceAllocator {
 public:
  Place allocate(Index size, Index from, Index to) {
    size = align_floats(size);
    Place place = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Taken& taken : taken_) {
        const bool together = from <= taken.to && taken.from <= to;
        if (together && place < taken.place + taken.size && taken.place < place + size) {
          place = taken.place + taken.size;
          moved = true;
        }
      }
    }
    taken_.push_back({place, size, from, to});
    total_ = std::max(total_, place + size);
    return place;
  }
  Index total() const { return total_; }

 private:
  struct Taken {
    Place place;
    Index size, from, to;
  };
  std::vector<Taken> taken_;
  Index total_ = 0;
};

}  // namespace

// Time runs over the stages: forward layers 0 .. n-1, the loss at n, backward of layer i at 2n - i.
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

  // A block starts at convolution i: only the next layer reads it, and so on.
  void find_block(int i) {
    const auto* conv = std::get_if<Conv2d>(&layer(i).op);
    const auto* relu = conv ? only_reader<Activation>(i) : nullptr;
    if (!relu || relu->function != ActivationFunction::relu) return;
    const ConvBlock with_pool{*conv, true};
    const auto* pool = only_reader<Pool2d>(i + 1);
    const bool pools = pool && *pool == pool_of(with_pool) && is_fusible(with_pool);
    const ConvBlock block{*conv, pools};
    // A weight gradient that is larger than what a grain's is computed from should be free to wait
    // until all grains are through, which takes dy itself (runtime/cpu/deferral.hpp).
    constexpr Index kGrain = 4;
    const Index read = conv->in.size() + convoy::output_shape(*conv).size();
    if (parameter_shape(layer(i).op).size() > kGrain * read) return;
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

  // The last layer of the stage that begins with layer `first`, and the first of the one that layer
  // i belongs to.
  int last_of(int first) const { return last_[static_cast<std::size_t>(first)]; }
  int first_of(int i) const { return first_[static_cast<std::size_t>(i)]; }

  void place_parameters() {
    plan_.blocks_.resize(static_cast<std::size_t>(count_));
    plan_.packed_.assign(static_cast<std::size_t>(count_), kNowhere);
    plan_.choices_.assign(static_cast<std::size_t>(count_), kNowhere);
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
      if (block ? block->pool : keeps_choice(op) && first_of(i) == i) {
        plan_.choices_[static_cast<std::size_t>(i)] = plan_.workspace_choices_;
        plan_.workspace_choices_ += value_size(last_of(i));
      }
    }
  }

  // An elementwise layer may overwrite its input where nobody else reads it: no other layer, and
  // not the backward pass of the layer that wrote it (only elementwise ones look at their own
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

  // dL/d(input) as this layer sees it has a place of its own. The reader whose backward pass comes
  // first (the last layer) starts the sum; the others' are added to it as they come, in descending
  // order.
  void build_backward(int i) {
    const Layer& l = layer(i);
    const int last = last_of(i);
    const auto found = gradients_.find(last);
    if (found == gradients_.end()) return;  // nothing that counts reads this layer
    const Place dy = found->second;
    Stage stage{StageKind::weight_gradient, i, last - i};
    stage.x = values_.at(l.inputs[0]);
    stage.y = values_.at(last);
    stage.dy = dy;
    if (plan_.block(i)) plan_.backward_.push_back(stage);
    stage.kind = StageKind::input_gradient;
    for (const int input : l.inputs) {
      if (!needs_gradient(input)) continue;
      const Place dx = works_in_place(l.op) ? dy
                                            : places_.allocate(value_size(input), backward_time(i),
                                                               gradient_end(input));
      stage.dx = dx;
      plan_.backward_.push_back(stage);
      const auto [first, is_first] = gradients_.try_emplace(input, dx);
      if (is_first) continue;
      Stage sum{StageKind::add_gradients, input};
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

  // Until when dL/d(value) is needed: through the backward pass of the layer that wrote the value,
  // and on, where that one works in place. A team does not meet after a weight gradient: where no
  // input gradient follows, a slow member may read dL/d(value) while others are layers ahead.
  Index gradient_end(int value) const {
    value = first_of(value);
    const Layer& l = layer(value);
    if (!net_.needs_input_gradient(value)) return end_of_time();
    return works_in_place(l.op) ? gradient_end(l.inputs[0]) : backward_time(value);
  }

  Plan& plan_;
  const Net& net_;
  int count_;
  PlaceAllocator places_;
  std::map<int, Place> values_;
  std::map<int, Place> gradients_;
  std::vector<std::vector<int>> readers_;
  std::vector<int> first_;  // layer of the stage that a layer belongs to
  std::vector<int> last_;   // layer of the stage that begins with a layer
};

Plan::Plan(const Net& net, Fusion fusion) : net_(&net) {
  PlanBuilder(*this, net, fusion).build();
}

}  // namespace convoy
