// SPDX-License-Identifier: Apache-2.0
#include "net/inference_net.hpp"

#include <algorithm>

namespace convoy {
namespace {

const Layer& layer_of(const Net& net, int number) {
  return net.layers()[static_cast<std::size_t>(number)];
}

// Of a layer that has parameters.
const ParameterBlock& block_of(const Net& net, int layer) {
  const auto& blocks = net.parameter_blocks();
  return *std::ranges::lower_bound(blocks, layer, {}, &ParameterBlock::layer);
}

// By layer.
std::vector<int> count_readers(const Net& net) {
  std::vector<int> readers(net.layers().size());
  for (const Layer& reader : net.layers()) {
    for (const int input : reader.inputs) {
      if (input != kNetInput) ++readers[static_cast<std::size_t>(input)];
    }
  }
  return readers;
}

// The coefficients of a batch normalisation by its running statistics, in double.
struct Affine {
  double scale, mean, beta;
};
Affine affine_of(const Net& net, int layer, const float* parameters, const float* buffers,
                 Index c) {
  const auto& op = std::get<BatchNorm2d>(layer_of(net, layer).op);
  const ParameterBlock& block = block_of(net, layer);
  const float* const statistics = buffers + net.buffers_of(layer);
  const auto mean = static_cast<double>(statistics[c]);
  const auto variance = static_cast<double>(statistics[op.in.channels + c]);
  const double gamma = op.scale ? static_cast<double>(parameters[block.offset + c]) : 1;
  const auto beta = static_cast<double>(parameters[block.offset + block.shape.weights() + c]);
  return {forward_coefficients(op.epsilon, mean, variance, gamma, beta).scale, mean, beta};
}

}  // namespace

bool InferenceNet::differs(const Net& net) {
  return std::ranges::any_of(net.layers(), [](const Layer& layer) {
    return std::holds_alternative<BatchNorm2d>(layer.op);
  });
}

// Whether a batch normalisation alone reads a convolution or a dense layer.
bool InferenceNet::is_folded(int norm, std::span<const int> readers) const {
  const int input = layer_of(net_, norm).inputs[0];
  if (input == kNetInput || readers[static_cast<std::size_t>(input)] != 1) return false;
  const Op& op = layer_of(net_, input).op;
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Dense>(op);
}

InferenceNet::InferenceNet(const Net& net) : net_(net) {
  const std::vector<int> readers = count_readers(net);
  std::vector<Layer> layers;
  std::vector<int> number_of;  // in `layers`, by layer of the net
  for (int i = 0; i < static_cast<int>(net.layers().size()); ++i) {
    Layer layer = layer_of(net, i);
    auto* const norm = std::get_if<BatchNorm2d>(&layer.op);
    if (norm && is_folded(i, readers)) {
      const int into = number_of[static_cast<std::size_t>(layer.inputs[0])];
      sources_[static_cast<std::size_t>(into)].norm = i;
      Op& op = layers[static_cast<std::size_t>(into)].op;
      if (auto* conv = std::get_if<Conv2d>(&op)) conv->bias = true;
      if (auto* dense = std::get_if<Dense>(&op)) dense->bias = true;
      number_of.push_back(into);
      continue;
    }
    if (norm) norm->scale = true;
    for (int& input : layer.inputs) {
      if (input != kNetInput) input = number_of[static_cast<std::size_t>(input)];
    }
    number_of.push_back(static_cast<int>(layers.size()));
    sources_.push_back({i, {}});
    layers.push_back(std::move(layer));
  }
  folded_.emplace(net.name(), net.input(), net.normalization(), std::move(layers), net.loss());
}

void InferenceNet::fold(const float* parameters, const float* buffers, float* folded) const {
  for (const ParameterBlock& block : folded_->parameter_blocks()) {
    fold_layer(parameters, buffers, block, sources_[static_cast<std::size_t>(block.layer)], folded);
  }
}

void InferenceNet::fold_layer(const float* parameters, const float* buffers,
                              const ParameterBlock& block, const Source& source,
                              float* folded) const {
  const ParameterBlock& from = block_of(net_, source.layer);
  const Index columns = block.shape.columns, weights = block.shape.weights();
  float* const to = folded + block.offset;
  if (std::holds_alternative<BatchNorm2d>(layer_of(net_, source.layer).op)) {
    for (Index c = 0; c < columns; ++c) {
      const Affine affine = affine_of(net_, source.layer, parameters, buffers, c);
      to[c] = static_cast<float>(affine.scale);
      to[columns + c] = static_cast<float>(affine.beta - affine.mean * affine.scale);
    }
    return;
  }
  const float* const own = parameters + from.offset;
  if (!source.norm) {
    std::copy_n(own, from.shape.size(), to);
    return;
  }
  for (Index c = 0; c < columns; ++c) {
    const Affine affine = affine_of(net_, *source.norm, parameters, buffers, c);
    for (Index i = c; i < weights; i += columns) {
      to[i] = static_cast<float>(static_cast<double>(own[i]) * affine.scale);
    }
    const double bias = from.shape.bias ? static_cast<double>(own[weights + c]) : 0;
    to[weights + c] = static_cast<float>((bias - affine.mean) * affine.scale + affine.beta);
  }
}

}  // namespace convoy
