// SPDX-License-Identifier: Apache-2.0
// Random nets in which layers have several readers and read any earlier value. They have all
// operations; most keep the shape, so that any two values can be added.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "net/net.hpp"
#include "tests/ops/random_ops.hpp"

namespace convoy::test {

inline Layer make_layer(std::string name, Op op, std::vector<int> inputs) {
  Layer layer;
  layer.name = std::move(name);
  layer.op = std::move(op);
  layer.inputs = std::move(inputs);
  return layer;
}

class RandomNet {
 public:
  RandomNet(Random& random, int layers) : random_(random) {
    channels_ = random_.pick(1, 3);
    input_ = {random_.pick(1, 5), random_.pick(1, 5), channels_};
    unread_.push_back(kNetInput);
    for (int i = 0; i < layers; ++i) add_random();
    // The net's input may have no reader.
    while (unread_.size() > 1 && unread_[0] == kNetInput) unread_.erase(unread_.begin());
    while (unread_.size() > 1) add(Add{}, {unread_[0], unread_[1]});
    add(Dense{{}, random_.pick(2, 5), random_.chance(80)}, {unread_[0]});
  }

  Net net() const {
    return Net("random", input_, {}, layers_,
               input_.height % 2 ? LossFunction::softmax_cross_entropy
                                 : LossFunction::sigmoid_binary_cross_entropy);
  }

 private:
  int count() const { return static_cast<int>(layers_.size()); }
  int any_value() {
    return random_.chance(50) ? count() - 1 : static_cast<int>(random_.pick(-1, count() - 1));
  }

  Op random_op() {
    const bool wide = random_.chance(50);
    const Extent kernel = wide ? Extent{3, 3} : Extent{1, 1};
    const Extent padding = wide ? Extent{1, 1} : Extent{0, 0};
    // A batch of one sample needs several pixels.
    const bool is_large = input_.height * input_.width > 1;
    switch (random_.pick(is_large ? 0 : 1, 6)) {
      case 0:
        return BatchNorm2d{{}, 0.1, 1e-5, random_.chance(50)};
      case 1:
        return Conv2d{{}, channels_, kernel, {1, 1}, padding, random_.chance(80)};
      case 2:
        return Subsample{{}, {1, 1}, {1, 1}, random_.chance(50), random_.chance(80)};
      case 3:
        return Pool2d{
            {}, random_.chance(50) ? Pooling::max : Pooling::average, kernel, {1, 1}, padding};
      default:
        return Activation{{}, static_cast<ActivationFunction>(random_.pick(0, 4)), 0.2};
    }
  }

  void add_random() {
    const int first = any_value(), second = any_value();
    if (random_.chance(25) && first != second) {
      add(Add{}, {first, second});
    } else {
      add(random_op(), {first});
    }
  }

  void add(Op op, std::vector<int> inputs) {
    for (const int input : inputs) std::erase(unread_, input);
    unread_.push_back(count());
    Layer layer = make_layer("l" + std::to_string(count()), std::move(op), std::move(inputs));
    layer.bias_initializer = {InitializerKind::uniform, 0.5};
    layers_.push_back(std::move(layer));
  }

  Random& random_;
  Index channels_ = 1;
  Shape input_;
  std::vector<Layer> layers_;
  std::vector<int> unread_;
};

}  // namespace convoy::test
