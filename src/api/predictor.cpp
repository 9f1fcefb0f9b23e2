// SPDX-License-Identifier: Apache-2.0
#include "convoy/predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <type_traits>
#include <utility>

#include "api/access.hpp"
#include "base/check.hpp"
#include "data/dataset.hpp"
#include "net/fit_batch.hpp"
#include "runtime/cpu_engine.hpp"
#include "train/find_checkpoint.hpp"

namespace convoy {
namespace {

Checkpoint with_weights(Checkpoint checkpoint, std::optional<WeightsCopy> copy,
                        std::string_view name) {
  choose_weights(checkpoint, copy, name);
  return checkpoint;
}

Buffer<float> take_evaluated(Checkpoint& checkpoint) {
  ModelState& state = checkpoint.state;
  const bool is_average = evaluated_copy(checkpoint) == WeightsCopy::average;
  return std::move(is_average ? state.slots.back() : state.parameters);
}

// The most images that are evaluated at once; their scores take memory.
constexpr std::size_t kMostAtOnce = 256;
constexpr auto kSamples = [] {
  std::array<std::uint32_t, kMostAtOnce> samples{};
  std::iota(samples.begin(), samples.end(), 0u);
  return samples;
}();

}  // namespace

struct Predictor::State {
  State(Checkpoint checkpoint, int asked_threads)
      : State(take_evaluated(checkpoint), checkpoint, asked_threads) {}
  State(Buffer<float> parameters, Checkpoint& checkpoint, int asked_threads)
      : model(std::move(checkpoint.model)),
        class_names(std::move(checkpoint.class_names)),
        net(without_groups(model.net)),
        threads(asked_threads),
        communicator(alone()),
        one_image(make(Parallelism::tensor, std::move(parameters))) {}

  // Each image is a grain. Data parallel: a thread computes whole images; tensor parallel: a part
  // of each.
  std::unique_ptr<Engine> make(Parallelism threads_by, Buffer<float> parameters) {
    EngineOptions options;
    options.cpu.threads = threads;
    options.cpu.threads_by = threads_by;
    options.grain = 1;
    options.batch = threads_by == Parallelism::tensor ? 1 : one_image->threads();
    auto engine = make_cpu_engine(net, optimizer_of(net, {}), options, *communicator);
    ModelState state;  // without slots: the predictor does not train
    state.parameters = std::move(parameters);
    engine->set_state(state);
    return engine;
  }

  Engine& engine_for(std::size_t images) {
    if (images == 1 || one_image->threads() == 1) return *one_image;
    if (!many_images) {
      many_images = make(Parallelism::data, std::move(one_image->state().parameters));
    }
    return *many_images;
  }

  // Takes at most kMostAtOnce images.
  template <class Pixel>
  Evaluation evaluate(std::span<const Pixel> images, std::size_t count, bool with_probabilities) {
    constexpr bool is_bytes = std::is_same_v<Pixel, std::uint8_t>;
    const Source source{.type = is_bytes ? PixelType::u8 : PixelType::f32,
                        .image = model.net.input(),
                        .images = static_cast<Index>(count),
                        .data = images.data(),
                        .owner = {}};
    const Dataset data(source, {}, std::vector<Label>(count), model.net.loss().classes);
    return engine_for(count).evaluate(data, std::span(kSamples).first(count), with_probabilities);
  }

  template <class Pixel>
  void predict(std::span<const Pixel> images, std::span<Index> labels,
               std::span<float> probabilities);

  // The order of members matters: the engines refer to the net and to the communicator.
  ModelFile model;
  std::vector<std::string> class_names;
  Net net;
  int threads;
  std::unique_ptr<Communicator> communicator;
  std::unique_ptr<Engine> one_image;
  std::unique_ptr<Engine> many_images;  // made when it is first needed
};

Predictor detail::Access::predictor(Checkpoint checkpoint, int threads) {
  return Predictor(std::make_unique<Predictor::State>(std::move(checkpoint), threads));
}

Predictor::Predictor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Predictor::Predictor(const std::filesystem::path& checkpoint, int threads,
                     std::optional<WeightsCopy> weights)
    : state_(std::make_unique<State>(
          with_weights(find_checkpoint(checkpoint).checkpoint, weights, checkpoint.string()),
          threads)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

Predictor Predictor::from_memory(std::span<const std::byte> checkpoint, int threads,
                                 std::string_view name, std::optional<WeightsCopy> weights) {
  return detail::Access::predictor(with_weights(load_checkpoint(checkpoint, name), weights, name),
                                   threads);
}

const std::string& Predictor::model_name() const {
  return state_->model.net.name();
}

Shape Predictor::image_shape() const {
  return state_->model.net.input();
}

Index Predictor::outputs() const {
  return state_->model.net.loss().classes;
}

int Predictor::threads() const {
  return state_->one_image->threads();
}

const std::vector<std::string>& Predictor::class_names() const {
  return state_->class_names;
}

Prediction Predictor::predict(std::span<const std::uint8_t> image) {
  const Shape shape = image_shape();
  if (static_cast<Index>(image.size()) != shape.size()) {
    throw UserError(
        Fault::bad_data,
        fmt::format("an image of {} bytes does not fit model {}", image.size(), model_name()),
        fmt::format("it reads {} = {} (height x width x channels)", to_string(shape), shape.size()),
        "resize the image");
  }
  Evaluation evaluation = state_->evaluate(image, 1, true);
  Prediction prediction;
  prediction.label = evaluation.predictions[0];
  prediction.probabilities = std::move(evaluation.probabilities);
  const auto label = static_cast<std::size_t>(prediction.label);
  prediction.name =
      label < class_names().size() ? class_names()[label] : std::to_string(prediction.label);
  return prediction;
}

template <class Pixel>
void Predictor::State::predict(std::span<const Pixel> images, std::span<Index> labels,
                               std::span<float> probabilities) {
  const auto size = static_cast<std::size_t>(model.net.input().size());
  const auto classes = static_cast<std::size_t>(model.net.loss().classes);
  const std::size_t count = images.size() / size;
  if (images.size() % size != 0) {
    throw UserError(Fault::bad_data,
                    fmt::format("{} pixel values are not a whole number of images for model {}",
                                images.size(), model.net.name()),
                    fmt::format("each has {}", size), "give whole images");
  }
  const auto check = [&](std::string_view what, std::size_t given, std::size_t wanted) {
    if (given == 0 || given == wanted) return;
    throw UserError(Fault::usage, fmt::format("the span has room for {} {}", given, what),
                    fmt::format("{} images have {}", count, wanted),
                    "give a span of that size, or an empty one to leave them out");
  };
  check("labels", labels.size(), count);
  check("probabilities", probabilities.size(), count * classes);
  for (std::size_t first = 0; first < count; first += kMostAtOnce) {
    const std::size_t here = std::min(kMostAtOnce, count - first);
    const Evaluation evaluation =
        evaluate(images.subspan(first * size, here * size), here, !probabilities.empty());
    if (!labels.empty()) std::ranges::copy(evaluation.predictions, labels.data() + first);
    std::ranges::copy(evaluation.probabilities, probabilities.data() + first * classes);
  }
}

void Predictor::predict(std::span<const std::uint8_t> images, std::span<Index> labels,
                        std::span<float> probabilities) {
  state_->predict(images, labels, probabilities);
}

void Predictor::predict_f32(std::span<const float> images, std::span<Index> labels,
                            std::span<float> probabilities) {
  state_->predict(images, labels, probabilities);
}

}  // namespace convoy
