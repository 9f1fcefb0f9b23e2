// SPDX-License-Identifier: Apache-2.0
#include "tests/train/support.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/digest.hpp"
#include "data/synthetic.hpp"
#include "runtime/cpu_engine.hpp"

namespace convoy::train_tests {
namespace {

constexpr const char* kTinyModel = R"(name = "tiny"
input = { height = 6, width = 6, channels = 1, scale = 0.00392156862745098 }

[[layer]]
type = "conv2d"
name = "conv1"
filters = 3
kernel = 3
activation = "relu"

[[layer]]
type = "max_pool2d"
size = 2

[[layer]]
type = "dense"
name = "out"
units = 4

[loss]
type = "softmax_cross_entropy"

[train]
batch = 8
grain = 3
epochs = 3
seed = 7

[optimizer]
learning_rate = 0.05
momentum = 0.9
)";

}  // namespace

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

ModelFile tiny_model(const std::vector<Override>& overrides) {
  return parse_model_file(kTinyModel, "tiny", overrides);
}

ModelFile tiny_normalized_model(const std::vector<Override>& overrides) {
  std::string text = kTinyModel;
  text.insert(text.find("activation"), "\n[[layer]]\ntype = \"batch_norm2d\"\nname = \"norm1\"\n");
  return parse_model_file(text, "tiny", overrides);
}

TrainAndTest tiny_data(Index train_samples, Index test_samples) {
  const Shape image{6, 6, 1};
  TrainAndTest data{"synthetic",
                    {},
                    synthetic(SyntheticPart::train, train_samples, image, 4),
                    synthetic(SyntheticPart::test, test_samples, image, 4)};
  data.train.set_class_names({"a", "b", "c", "d \"quoted\" \xc3\xa9"});
  return data;
}

std::unique_ptr<Engine> tiny_engine(const ModelFile& model, Communicator& communicator, int threads,
                                    Parallelism threads_by) {
  EngineOptions options;
  options.cpu.threads = threads;
  options.cpu.threads_by = threads_by;
  options.cpu.oversubscribe = true;
  options.batch = model.train.batch;
  options.grain = model.train.grain;
  return make_cpu_engine(model.net, optimizer_of(model.net, model.train), options, communicator);
}

Checkpoint checkpoint_at(Index step, const DataSettings& data, const std::string& test_sha256) {
  Checkpoint checkpoint{tiny_model(), {}, {}, {}, std::string(64, 'a'), {}, {}, data, test_sha256};
  checkpoint.position.step = step;
  checkpoint.state.parameters = Buffer<float>(checkpoint.model.net.arena_size());
  checkpoint.state.slots.emplace_back(checkpoint.model.net.arena_size());
  checkpoint.state.parameters[0] = static_cast<float>(step);
  return checkpoint;
}

std::string content(const Checkpoint& checkpoint) {
  const RunPosition& position = checkpoint.position;
  std::string text =
      fmt::format("{}\n{}\n{} {} {} {:a} {} {} {} {:a}\n", checkpoint.model.text,
                  checkpoint.data_sha256, position.epoch, position.epoch_step, position.step,
                  position.epoch_sums.loss, position.epoch_sums.correct,
                  position.epoch_sums.samples, position.epoch_sums.flags, position.epoch_seconds);
  for (const std::string& name : checkpoint.class_names) text += name + "\n";
  text += sha256(std::as_bytes(checkpoint.state.parameters.span()));
  for (const Buffer<float>& slot : checkpoint.state.slots) {
    text += sha256(std::as_bytes(slot.span()));
  }
  return text;
}

FileTensors::FileTensors(const safetensors::Reader& reader) {
  for (const auto& [name, entry] : reader.tensors()) {
    reader.read(entry, values.emplace_back(static_cast<std::size_t>(entry.size)));
    tensors.push_back({name, entry.shape, values.back()});
  }
}

std::string content(const std::vector<EpochMetrics>& epochs) {
  std::string text;
  for (const EpochMetrics& m : epochs) {
    text += fmt::format("{}: {:a} {:a} {:a} {:a} {:a}\n", m.epoch, m.train_loss,
                        m.validation_loss.value_or(-1), m.validation_accuracy.value_or(-1),
                        m.test_loss, m.test_accuracy);
  }
  return text;
}

std::string user_error(Fault fault, const std::function<void()>& call) {
  try {
    call();
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no UserError";
  return "";
}

}  // namespace convoy::train_tests
