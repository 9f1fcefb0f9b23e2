// SPDX-License-Identifier: Apache-2.0
// The net that the user wrote: layers in topological order, a loss, and the layout of the
// parameters. It is immutable once constructed, and all workers share it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/normalization.hpp"
#include "base/tensor.hpp"
#include "net/layer.hpp"
#include "ops/loss.hpp"

namespace convoy {

// Where the parameters of a layer lie in the arena. Blocks start on a cache line; the gaps between
// them are zero and stay zero.
struct ParameterBlock {
  int layer = 0;
  Index offset = 0;  // of the weights; the bias follows directly
  ParameterShape shape;
};

// One tensor of a checkpoint, in file order: for each layer its weight, then its bias, then its
// buffers. Steps of training write buffers, but no gradient does (running statistics).
struct ParameterTensor {
  std::string name;  // "conv1.weight"
  int layer = 0;
  Index offset = 0;          // in the arena
  std::vector<Index> shape;  // conv2d [ky][kx][c][f]; dense [k][n]; subsample [ky][kx][1 or c];
                             // batch_norm2d [c]
  Index size = 0;
  double learning_rate_factor = 1;
  bool is_buffer = false;
  float initial = 0;  // of a buffer, or of a layer without initialisers
};

class Net {
 public:
  // Sets the `in` of each op to the shape that its layer reads. Throws UserError(bad_data), which
  // names the layer, where a layer does not fit what it reads, no layer reads a layer's output,
  // names are not unique, or the last layer does not give one number per class.
  Net(std::string name, Shape input, Normalization normalization, std::vector<Layer> layers,
      const Loss& loss);  // without classes, which the last layer decides
  Net(std::string name, Shape input, Normalization normalization, std::vector<Layer> layers,
      LossFunction loss)
      : Net(std::move(name), input, std::move(normalization), std::move(layers), Loss{1, loss}) {}

  const std::string& name() const { return name_; }
  Shape input() const { return input_; }
  const Normalization& normalization() const { return normalization_; }
  const std::vector<Layer>& layers() const { return layers_; }
  const Loss& loss() const { return loss_; }

  const std::vector<ParameterBlock>& parameter_blocks() const { return blocks_; }
  // The tensors that an optimizer trains, and those with all buffers.
  const std::vector<ParameterTensor>& parameter_tensors() const { return trained_; }
  const std::vector<ParameterTensor>& tensors() const { return tensors_; }
  // Where the buffers of a layer lie in the arena, one after the other; behind all blocks.
  Index buffers_of(int layer) const { return buffers_[static_cast<std::size_t>(layer)]; }
  Index arena_size() const { return arena_size_; }            // floats, gaps included
  Index parameters_end() const { return parameters_end_; }    // where buffers begin
  Index parameter_count() const { return parameter_count_; }  // floats, gaps left out

  // Counts forward, input gradients (where one is needed) and weight gradients of a training
  // sample.
  Index flops_per_sample() const;
  // False where no layer that it reads, directly or through others, has parameters.
  bool needs_input_gradient(int layer) const;

 private:
  void place_block(int layer);
  void place_buffers(int layer);

  std::string name_;
  Shape input_;
  Normalization normalization_;
  std::vector<Layer> layers_;
  Loss loss_;
  std::vector<ParameterBlock> blocks_;
  std::vector<ParameterTensor> trained_, tensors_;
  std::vector<Index> buffers_;  // by layer
  Index arena_size_ = 0, parameters_end_ = 0;
  Index parameter_count_ = 0;
};

// The arena before the first step. Element e (as in the file) of a layer's tensor t (0 is its
// weight, 1 its bias) draws from Philox(seed; initial_weights, layer; sample t; e) alone. Normal
// numbers come from Box-Muller on a pair of uniform ones, elements 2e and 2e+1. A batch
// normalisation begins as the identity: weights and running variances are 1, biases and running
// means 0.
Buffer<float> initial_parameters(const Net& net, std::uint64_t seed);

}  // namespace convoy
