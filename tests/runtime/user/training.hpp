// SPDX-License-Identifier: Apache-2.0
// A training as in a user's program, with public headers alone. It is compiled twice: with the
// flags of this project, and with others that must not change a weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "internal.hpp"
#include "runtime/cpu_engine.hpp"

namespace convoy::test {

// The digests after training on some layouts, a line each.
inline std::string train_as_a_user() {
  const ModelFile model = parse_model_file(R"(name = "user"
input = { height = 8, width = 8, channels = 1, scale = 1e-40 }
[[layer]]
type = "conv2d"
filters = 3
kernel = 3
activation = "relu"
[[layer]]
type = "conv2d"
filters = 5
kernel = 3
activation = "tanh"
[[layer]]
type = "average_pool2d"
size = 2
[[layer]]
type = "dense"
units = 4
[loss]
type = "softmax_cross_entropy"
[train]
batch = 16
grain = 3
epochs = 2
schedule = "cosine"

[optimizer]
learning_rate = 0.1
momentum = 0.9
weight_decay = 1e-35
)",
                                           "user");
  constexpr std::uint32_t kSamples = 75;
  std::uint32_t random = 1;
  std::vector<std::uint8_t> pixels;
  std::vector<Label> labels;
  for (std::uint32_t i = 0; i < 64 * kSamples; ++i) {
    random = random * 1664525 + 1013904223;
    pixels.push_back(static_cast<std::uint8_t>(random >> 24));
  }
  for (std::uint32_t i = 0; i < kSamples; ++i) labels.push_back(static_cast<Label>(i % 4));
  const Dataset data({8, 8, 1}, pixels, labels, 4);

  std::string digests;
  for (const int threads : {1, 3}) {
    EngineOptions options;
    options.cpu.threads = threads;
    options.cpu.oversubscribe = true;
    options.cpu.threads_by = threads == 1 ? Parallelism::data : Parallelism::tensor;
    options.batch = model.train.batch;
    options.grain = model.train.grain;
    const auto communicator = alone();
    const auto engine =
        make_cpu_engine(model.net, optimizer_of(model.net, model.train), options, *communicator);
    RunTrainer trainer(model, {"user", {}, data, data}, {"user", 70, 0.1}, *engine, *communicator,
                       {});
    Observer observer;
    const TrainResult result = trainer.train(observer);
    digests += result.weights_sha256 + " " + result.state_sha256 + "\n";
  }
  return digests;
}

}  // namespace convoy::test
