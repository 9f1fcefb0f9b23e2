// SPDX-License-Identifier: Apache-2.0
#include "commands/run_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "commands/data_loading.hpp"
#include "images/png.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConfused = 24;
constexpr Index kMostProbabilities = Index{1} << 26;

// An image to draw. Of floats the smallest number becomes black and the largest one white.
std::vector<std::uint8_t> bytes_of(const Dataset& data, Index sample) {
  if (data.pixel_type() == PixelType::u8) {
    const std::span<const std::uint8_t> image = data.image(sample);
    return {image.begin(), image.end()};
  }
  constexpr double kWhite = 255;
  const std::span<const float> image = data.image_f32(sample);
  const auto [low, high] = std::ranges::minmax(image);
  const double range = double{high} - double{low};
  std::vector<std::uint8_t> bytes;
  for (const float pixel : image)
    bytes.push_back(static_cast<std::uint8_t>(
        range > 0 ? std::lround((double{pixel} - double{low}) / range * kWhite) : 0));
  return bytes;
}

std::vector<ConfusedImage> most_confused(const Dataset& test, const TestResult& result,
                                         Index classes) {
  const auto probability = [&](Index sample, Index label) {
    const float p = result.probabilities[static_cast<std::size_t>(sample * classes + label)];
    return std::isfinite(p) ? double{p} : 0.0;  // huge weights give NaN
  };
  std::vector<ConfusedImage> images;
  for (Index i = 0; i < test.size(); ++i) {
    const Index truth = test.label(i), predicted = result.predictions[static_cast<std::size_t>(i)];
    if (truth == predicted) continue;
    images.push_back({i, truth, predicted, probability(i, predicted), probability(i, truth), {}});
  }
  std::stable_sort(images.begin(), images.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  images.resize(std::min(images.size(), kConfused));
  const Shape shape = test.image_shape();
  const bool drawable = shape.channels == 1 || shape.channels == 3;
  for (ConfusedImage& image : images) {
    if (drawable) image.png = png_of(shape, bytes_of(test, image.sample));
  }
  return images;
}

std::string last_part(const fs::path& folder) {
  const fs::path plain = folder.lexically_normal();
  return (plain.has_filename() ? plain : plain.parent_path()).filename().string();
}

}  // namespace

double RunRecord::seconds() const {
  double sum = position.epoch_seconds;
  for (const EpochMetrics& epoch : epochs) sum += epoch.seconds;
  return sum;
}

const TrainAndTest& TestData::of(const std::string& name, const ModelFile& model,
                                 const DataSettings& settings) {
  DataLoading loading(quiet_);
  DataOptions options = loading.options(data_options(model, settings), pictures_);
  options.validation = 0;  // concerns the training images alone
  const std::string key = fmt::format(
      "{} {} {} {} {} {} {} {}", options.test_fraction, to_string(settings.bad_images),
      to_string(options.input), static_cast<int>(options.resize), options.seed,
      static_cast<int>(options.transpose.value_or(false)), options.first_label.value_or(-1), name);
  const auto found = loaded_.find(key);
  return found != loaded_.end() ? found->second
                                : loaded_.emplace(key, load_data(name, options)).first->second;
}

RunRecord::RunRecord(fs::path run_folder, const std::string& choice, bool quiet)
    : folder(std::move(run_folder)),
      config(open_run(folder)),
      tested(choose_checkpoint(folder.string(), choice, quiet)),
      epochs(epochs_of_run(folder)) {
  if (!quiet) warn_of_lost_config(config);
  if (tested.is_best) {
    const Checkpoint newest = newest_checkpoint(folder).checkpoint;
    position = newest.position;
    weights_sha256 = newest.weights_sha256;
    average_sha256 = newest.average_sha256;
  } else {
    position = tested.checkpoint.position;
    weights_sha256 = tested.checkpoint.weights_sha256;
    average_sha256 = tested.checkpoint.average_sha256;
  }
  // Epochs that a killed process finished after its last checkpoint would be done again.
  std::erase_if(epochs, [&](const EpochMetrics& epoch) { return epoch.epoch > epochs_done(); });
}

void choose_names(std::vector<RunRecord>& runs) {
  std::set<std::string> names;
  for (RunRecord& run : runs) names.insert(run.name = last_part(run.folder));
  if (names.size() == runs.size()) return;
  for (RunRecord& run : runs) run.name = run.folder.string();
}

void evaluate(RunRecord& run, TestData& data, const std::string& name) {
  run.data = name.empty() ? run.config.data.name : name;
  const TrainAndTest* found = nullptr;
  try {
    found = &data.of(run.data, run.tested.checkpoint.model,
                     name.empty() ? run.config.data : DataSettings());
  } catch (const UserError& error) {
    if (!name.empty() || error.fault() != Fault::not_found) throw;
    run.why_not = error.what();
  }
  if (found != nullptr && found->test.empty() && name.empty()) {
    run.why_not = fmt::format("{} has no test images", found->name);
    found = nullptr;
  }
  if (found != nullptr) {
    run.data = found->name;
    const Index classes = run.tested.checkpoint.model.net.loss().classes;
    run.too_many_probabilities = found->test.size() > kMostProbabilities / classes;
    const Dataset images = test_images(run.tested.checkpoint, *found);
    run.result =
        test(run.tested.checkpoint, images, run.data, Layout{}, !run.too_many_probabilities);
    run.other_test_data = found->test.sha256() != run.config.test_sha256;
    if (!run.too_many_probabilities) run.confused = most_confused(images, *run.result, classes);
    run.result->probabilities = {};
  }
  run.tested.checkpoint.state = {};
}

}  // namespace convoy::app
