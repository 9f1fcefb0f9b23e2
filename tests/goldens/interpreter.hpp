// SPDX-License-Identifier: Apache-2.0
// Runs a Net with the naive references alone, without plan, tree and threads, in any type Real.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "net/net.hpp"
#include "ops/reference/operations.hpp"

namespace convoy::test {

template <class Real>
class Interpreter {
 public:
  using Values = std::vector<Real>;

  Interpreter(const Net& net, Values input, std::vector<Label> labels)
      : net_(net), labels_(std::move(labels)) {
    values_.push_back({std::move(input), {}, {}});
    for (const Layer& layer : net.layers()) {
      const std::size_t size = labels_.size() * sized(output_shape(layer.op).size());
      values_.push_back({Values(size), {}, std::vector<Argmax>(size)});
    }
    parameters = gradient = momentum_buffer = Values(sized(net.arena_size()));
  }

  Values parameters, gradient, momentum_buffer;  // arenas; `gradient` is the sum over the samples

  const Values& logits() const { return values_.back().y; }

  // The loss and, where asked for, the gradient of all parameters. Returns the mean loss.
  double run(bool with_gradient) {
    for (std::size_t layer = 0; layer < net_.layers().size(); ++layer) forward(layer);
    Value& last = values_.back();
    last.dy.resize(last.y.size());
    const LossSum sum = reference::loss<Real>(net_.loss(), {.samples = samples(),
                                                            .logits = last.y.data(),
                                                            .labels = labels_.data(),
                                                            .dlogits = last.dy.data()});
    if (with_gradient) {
      for (std::size_t i = 0; i + 1 < values_.size(); ++i)
        values_[i].dy.assign(values_[i].y.size(), 0);
      for (std::size_t layer = net_.layers().size(); layer-- > 0;) backward(layer);
    }
    return sum.loss / static_cast<double>(samples());
  }

  void step(const Sgd& sgd, double learning_rate) {
    Values old_weights = parameters, old_momentum_buffer = momentum_buffer;
    for (const ParameterTensor& tensor : net_.parameter_tensors()) {
      UpdatePass<Real> pass;
      pass.size = tensor.size;
      pass.gradient_sum = gradient.data() + tensor.offset;
      pass.weights = old_weights.data() + tensor.offset;
      pass.new_weights = parameters.data() + tensor.offset;
      pass.slots[0] = old_momentum_buffer.data() + tensor.offset;
      pass.new_slots[0] = momentum_buffer.data() + tensor.offset;
      pass.scale = Real{1} / static_cast<Real>(samples());
      pass.numbers = {learning_rate * tensor.learning_rate_factor, sgd.weight_decay, {}};
      reference::update(sgd, pass);
    }
  }

 private:
  // The output of a layer (the first is the net's input), and the gradient with respect to it.
  struct Value {
    Values y, dy;
    std::vector<Argmax> argmax;
  };

  static std::size_t sized(Index n) { return static_cast<std::size_t>(n); }
  Index samples() const { return static_cast<Index>(labels_.size()); }
  Value& value_of(int layer) {
    return values_[static_cast<std::size_t>(layer + 1)];
  }  // kNetInput: 0

  Index offset_of(std::size_t layer) const {
    for (const ParameterBlock& block : net_.parameter_blocks()) {
      if (sized(block.layer) == layer) return block.offset;
    }
    return 0;
  }

  void forward(std::size_t index) {
    const Layer& layer = net_.layers()[index];
    Value& value = values_[index + 1];
    Forward<Real> pass;
    pass.samples = samples();
    pass.x = value_of(layer.inputs[0]).y.data();
    if (layer.inputs.size() > 1) pass.other = value_of(layer.inputs[1]).y.data();
    pass.parameters = parameters.data() + offset_of(index);
    pass.y = value.y.data();
    pass.argmax = value.argmax.data();
    if (const auto* norm = std::get_if<BatchNorm2d>(&layer.op)) return normalize(*norm, pass);
    const Range units{0, forward_units(layer.op, samples())};
    std::visit([&](const auto& op) { reference::forward(op, pass, units); }, layer.op);
  }

  // As the papers have it: by the mean and the variance of the whole batch. (It has no backward
  // pass: slopes are differences of losses.)
  void normalize(const BatchNorm2d& norm, const Forward<Real>& pass) const {
    const Index channels = norm.in.channels, pixels = samples() * norm.in.height * norm.in.width;
    const Real* const beta = pass.parameters + (norm.scale ? channels : 0);
    for (Index c = 0; c < channels; ++c) {
      Real mean = 0, variance = 0;
      for (Index p = 0; p < pixels; ++p) mean += pass.x[p * channels + c];
      mean /= static_cast<Real>(pixels);
      for (Index p = 0; p < pixels; ++p) {
        const Real deviation = pass.x[p * channels + c] - mean;
        variance += deviation * deviation;
      }
      variance /= static_cast<Real>(pixels);
      const Real deviation = std::sqrt(variance + static_cast<Real>(norm.epsilon));
      for (Index p = 0; p < pixels; ++p) {
        const Real x = (pass.x[p * channels + c] - mean) / deviation;
        pass.y[p * channels + c] = x * (norm.scale ? pass.parameters[c] : Real{1}) + beta[c];
      }
    }
  }

  void backward(std::size_t index) {
    const Layer& layer = net_.layers()[index];
    Value& value = values_[index + 1];
    if (parameter_shape(layer.op).size() > 0) {
      const WeightGradient<Real> pass{samples(), value_of(layer.inputs[0]).y.data(),
                                      value.dy.data(), gradient.data() + offset_of(index), nullptr};
      const Range rows{0, weight_gradient_units(layer.op)};
      std::visit(
          [&]<class T>(const T& op) {
            if constexpr (has_weight_gradient_v<T>) reference::weight_gradient(op, pass, rows);
          },
          layer.op);
    }
    if (!net_.needs_input_gradient(static_cast<int>(index))) return;
    Values dx(value_of(layer.inputs[0]).y.size());
    InputGradient<Real> pass;
    pass.samples = samples();
    pass.dy = value.dy.data();
    pass.x = value_of(layer.inputs[0]).y.data();
    pass.y = value.y.data();
    pass.parameters = parameters.data() + offset_of(index);
    pass.argmax = value.argmax.data();
    pass.dx = dx.data();
    const Range units{0, input_gradient_units(layer.op, samples())};
    std::visit([&](const auto& op) { reference::input_gradient(op, pass, units); }, layer.op);
    for (const int input : layer.inputs) {
      Values& sum = value_of(input).dy;
      for (std::size_t i = 0; i < dx.size(); ++i) sum[i] += dx[i];
    }
  }

  const Net& net_;
  std::vector<Label> labels_;
  std::vector<Value> values_;
};

}  // namespace convoy::test
