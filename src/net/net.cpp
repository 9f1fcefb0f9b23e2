// SPDX-License-Identifier: Apache-2.0
#include "net/net.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "net/fit_layer.hpp"

namespace convoy {
namespace {

// A layer's number has 16 bits in the address of a random number; this limit is far above any need.
constexpr std::size_t kMaxLayers = 10'000;

std::string title(const Layer& layer) {
  return fmt::format("layer '{}' ({})", layer.name, type_name(layer.op));
}

void check_input(Shape input, const Normalization& normalization) {
  constexpr Index kMost = 1 << 16;
  for (const Index side : {input.height, input.width, input.channels}) {
    if (side < 1 || side > kMost) {
      throw UserError(Fault::bad_data, fmt::format("[input]: a side is {}", side), "",
                      fmt::format("use 1 to {}", kMost));
    }
  }
  if (input.size() > Index{1} << 28) {
    throw UserError(Fault::bad_data, fmt::format("[input]: an image of {} numbers", input.size()),
                    "", fmt::format("use at most {}", Index{1} << 28));
  }
  const auto channels = static_cast<std::size_t>(input.channels);
  for (const auto* values : {&normalization.mean, &normalization.stddev}) {
    if (!values->empty() && values->size() != channels) {
      throw UserError(
          Fault::bad_data, fmt::format("[input]: {} values of mean or std", values->size()),
          fmt::format("the input has {} channels", channels), "give one number per channel");
    }
  }
}

void check_names(const std::vector<Layer>& layers) {
  if (layers.empty() || layers.size() > kMaxLayers) {
    throw UserError(Fault::bad_data, fmt::format("a net of {} layers", layers.size()), "",
                    fmt::format("use 1 to {}", kMaxLayers));
  }
  std::set<std::string_view> names{"input"};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string& name = layers[i].name;
    if (name.empty() || !names.insert(name).second) {
      throw LayerError(static_cast<int>(i), "name",
                       fmt::format("{}: the name is taken", title(layers[i])),
                       "parameters are stored under it", "give each layer a name of its own");
    }
  }
}

// The loss reads the last layer; each other layer must have a reader.
void check_readers(const std::vector<Layer>& layers) {
  std::vector<bool> is_read(layers.size(), false);
  is_read.back() = true;
  for (const Layer& layer : layers) {
    for (const int input : layer.inputs) {
      if (input != kNetInput) is_read[static_cast<std::size_t>(input)] = true;
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (is_read[i]) continue;
    throw LayerError(static_cast<int>(i), "",
                     fmt::format("{}: no layer reads it", title(layers[i])),
                     "only the last layer's output goes to the loss",
                     "name it in the inputs of a later layer, or remove it");
  }
}

void check_classes(const std::vector<Layer>& layers, LossFunction loss) {
  const Layer& last = layers.back();
  const auto index = static_cast<int>(layers.size()) - 1;
  const Shape out = output_shape(last.op);
  if (out.height != 1 || out.width != 1) {
    throw LayerError(index, "",
                     fmt::format("{}: the last layer is not one number per class", title(last)),
                     fmt::format("its output is {}", to_string(out)),
                     "end the net in a dense layer with one unit per class");
  }
  if (out.channels < 2) {
    throw LayerError(index, "", fmt::format("{}: the last layer has a single output", title(last)),
                     "the loss wants one per class", "use at least two units");
  }
  if (out.channels > kMostClasses) {
    throw LayerError(index, "",
                     fmt::format("{}: the last layer has {} outputs", title(last), out.channels),
                     "a label has 16 bits", fmt::format("use at most {} units", kMostClasses));
  }
  const auto* activation = std::get_if<Activation>(&last.op);
  if (loss == LossFunction::sigmoid_binary_cross_entropy && activation != nullptr &&
      activation->function == ActivationFunction::sigmoid) {
    throw LayerError(index, "activation",
                     fmt::format("{}: the last layer is a sigmoid", title(last)),
                     "the loss sigmoid_binary_cross_entropy applies the sigmoid itself",
                     "remove the activation of the last layer");
  }
}

void check_rates(const std::vector<Layer>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto check = [&](std::string_view key, double factor) {
      if (factor >= 0 && factor <= 1e9) return;
      throw LayerError(static_cast<int>(i), key,
                       fmt::format("{}: {} is {}", title(layers[i]), key, factor), "",
                       "use a number from 0 to 1e9");
    };
    check("weight_learning_rate_factor", layers[i].weight_learning_rate_factor);
    check("bias_learning_rate_factor", layers[i].bias_learning_rate_factor);
  }
}

void check_initializers(const std::vector<Layer>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const auto refuse = [&](std::string_view key, std::string_view why) {
      throw LayerError(static_cast<int>(i), key, fmt::format("{}: {} is dirac", title(layer), key),
                       why, "use another initialiser, for example kaiming_uniform");
    };
    if (layer.bias_initializer.kind == InitializerKind::dirac) {
      refuse("bias_init", "it makes filters that pass a channel on, which a bias does not");
    }
    if (layer.weight_initializer.kind == InitializerKind::dirac &&
        !parameter_shape(layer.op).is_map) {
      refuse("weight_init", "its filters read one channel each");
    }
  }
}

}  // namespace

Net::Net(std::string name, Shape input, Normalization normalization, std::vector<Layer> layers,
         const Loss& loss)
    : name_(std::move(name)),
      input_(input),
      normalization_(std::move(normalization)),
      layers_(std::move(layers)) {
  check_input(input_, normalization_);
  check_names(layers_);
  check_rates(layers_);
  for (std::size_t i = 0; i < layers_.size(); ++i) fit_layer(layers_, static_cast<int>(i), input_);
  check_readers(layers_);
  check_initializers(layers_);
  check_classes(layers_, loss.function);
  loss_ = loss;
  loss_.classes = output_shape(layers_.back().op).channels;

  for (std::size_t i = 0; i < layers_.size(); ++i) place_block(static_cast<int>(i));
  parameters_end_ = arena_size_;
  buffers_.resize(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) place_buffers(static_cast<int>(i));
  std::ranges::stable_sort(tensors_, {}, &ParameterTensor::layer);
}

void Net::place_block(int index) {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const ParameterShape shape = parameter_shape(layer.op);
  if (shape.size() == 0) return;
  blocks_.push_back({index, arena_size_, shape});
  if (shape.weights() > 0) {
    trained_.push_back({layer.name + ".weight", index, arena_size_, weight_shape(layer.op),
                        shape.weights(), layer.weight_learning_rate_factor, false,
                        initial_weight(layer.op)});
    tensors_.push_back(trained_.back());
  }
  if (shape.bias) {
    trained_.push_back({layer.name + ".bias",
                        index,
                        arena_size_ + shape.weights(),
                        {shape.columns},
                        shape.columns,
                        layer.bias_learning_rate_factor});
    tensors_.push_back(trained_.back());
  }
  arena_size_ += align_floats(shape.size());
  parameter_count_ += shape.size();
}

void Net::place_buffers(int index) {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const Index size = parameter_shape(layer.op).columns;
  buffers_[static_cast<std::size_t>(index)] = arena_size_;
  for (const BufferTensor& buffer : convoy::buffers_of(layer.op)) {
    tensors_.push_back({fmt::format("{}.{}", layer.name, buffer.name),
                        index,
                        arena_size_,
                        {size},
                        size,
                        0,
                        true,
                        buffer.initial});
    arena_size_ += size;
  }
  arena_size_ = align_floats(arena_size_);
}

bool Net::needs_input_gradient(int layer) const {
  // below[i]: layer i, or a layer that it reads directly or indirectly, has parameters.
  std::vector<bool> below(layers_.size(), false);
  const auto reads_parameters = [&](const Layer& reader) {
    for (const int input : reader.inputs) {
      if (input != kNetInput && below[static_cast<std::size_t>(input)]) return true;
    }
    return false;
  };
  for (std::size_t i = 0; i < static_cast<std::size_t>(layer); ++i) {
    below[i] = parameter_shape(layers_[i].op).size() > 0 || reads_parameters(layers_[i]);
  }
  return reads_parameters(layers_[static_cast<std::size_t>(layer)]);
}

Index Net::flops_per_sample() const {
  Index flops = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Op& op = layers_[i].op;
    flops += forward_flops(op) + weight_gradient_flops(op);
    if (needs_input_gradient(static_cast<int>(i))) flops += input_gradient_flops(op);
  }
  return flops;
}

}  // namespace convoy
