// SPDX-License-Identifier: Apache-2.0
#include "convoy/train/predictor.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "convoy/base/check.hpp"
#include "convoy/train/checkpoint.hpp"

namespace convoy {

struct Predictor::State {
  State(Checkpoint checkpoint, int threads)
      : model(std::move(checkpoint.model)),
        class_names(std::move(checkpoint.class_names)),
        communicator(alone()),
        engine(make_cpu_engine(model.net, Sgd{}, options(threads), *communicator)) {
    ModelState state;  // without velocity: nothing is trained here
    state.parameters = std::move(checkpoint.state.parameters);
    engine->set_state(state);
  }

  static EngineOptions options(int threads) {
    EngineOptions options;
    options.threads = threads;
    options.threads_by = Cut::tensor;  // one image is one grain
    options.batch = 1;
    options.grain = 1;
    return options;
  }

  // In this order: the engine refers to the net and to the communicator.
  Model model;
  std::vector<std::string> class_names;
  std::unique_ptr<Communicator> communicator;
  std::unique_ptr<Engine> engine;
};

Predictor::Predictor(const std::filesystem::path& checkpoint, int threads)
    : state_(std::make_unique<State>(load_checkpoint(checkpoint), threads)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

Shape Predictor::image_shape() const {
  return state_->model.net.input();
}

const std::vector<std::string>& Predictor::class_names() const {
  return state_->class_names;
}

Prediction Predictor::predict(std::span<const std::uint8_t> image) {
  constexpr std::array<Label, 1> kNoLabel{0};  // a data set has labels; this one is never looked at
  constexpr std::array<std::uint32_t, 1> kSample{0};
  if (static_cast<Index>(image.size()) != image_shape().size()) {
    const Shape shape = image_shape();
    throw UserError(Fault::bad_data,
                    fmt::format("an image of {} bytes does not fit model {}", image.size(),
                                state_->model.net.name()),
                    fmt::format("it reads {} x {} x {} = {} (height x width x channels)",
                                shape.height, shape.width, shape.channels, shape.size()),
                    "resize the image");
  }
  const Dataset one(image_shape(), image, kNoLabel, state_->model.net.loss().classes);
  Evaluation evaluation = state_->engine->evaluate(one, kSample, true);
  Prediction prediction;
  prediction.label = evaluation.predictions[0];
  prediction.probabilities = std::move(evaluation.probabilities);
  const auto label = static_cast<std::size_t>(prediction.label);
  prediction.name = label < state_->class_names.size() ? state_->class_names[label]
                                                       : std::to_string(prediction.label);
  return prediction;
}

}  // namespace convoy
