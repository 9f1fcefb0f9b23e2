// SPDX-License-Identifier: Apache-2.0
#include "survey/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <map>
#include <tuple>
#include <utility>

#include "runtime/cpu/workers.hpp"

namespace convoy::app {
namespace {

// Facts of one image.
struct ImageFacts {
  Shape shape{0, 0, 0};
  bool is_grey = true;
  std::vector<double> mean, mean_square;  // of each channel
  std::string problem;                    // why it cannot be read
  std::exception_ptr other;               // what is no problem of the image
};

// Sums one channel after the other: bytes exactly, floats in order.
template <class Number, class Sum>
void sum_channels(std::span<const Number> pixels, Index channels, double scale, ImageFacts& facts) {
  const auto step = static_cast<std::size_t>(channels);
  const std::size_t in_a_channel = pixels.size() / step;
  const auto count = static_cast<double>(in_a_channel);
  for (std::size_t channel = 0; channel < step; ++channel) {
    Sum sum = 0, squares = 0;
    for (std::size_t i = channel; i < pixels.size(); i += step) {
      const auto value = static_cast<Sum>(pixels[i]);
      sum += value;
      squares += value * value;
    }
    facts.mean.push_back(static_cast<double>(sum) / count * scale);
    facts.mean_square.push_back(static_cast<double>(squares) / count * scale * scale);
  }
}

bool is_grey(const Shape& shape, std::span<const std::uint8_t> pixels) {
  if (shape.channels != 3) return shape.channels == 1;
  for (std::size_t i = 0; i < pixels.size(); i += 3)
    if (pixels[i] != pixels[i + 1] || pixels[i] != pixels[i + 2]) return false;
  return true;
}

ImageFacts facts_of(const PictureData& data, std::size_t image) {
  ImageFacts facts;
  try {
    const SurveyedImage pixels = data.image(image);
    facts.shape = pixels.shape;
    if (data.part(image) != PicturePart::train) return facts;
    if (pixels.are_floats()) {
      facts.is_grey = pixels.shape.channels == 1;
      sum_channels<float, double>(pixels.floats, pixels.shape.channels, 1, facts);
    } else {
      facts.is_grey = is_grey(pixels.shape, pixels.u8());
      sum_channels<std::uint8_t, std::uint64_t>(pixels.u8(), pixels.shape.channels, 1.0 / 255,
                                                facts);
    }
  } catch (const UserError& error) {
    facts.problem = std::string(error.problem());
  } catch (...) {
    facts.other = std::current_exception();
  }
  return facts;
}

// The images are read in runs, whose facts are added in the order of the data set.
constexpr std::size_t kRun = 512;

class Summary {
 public:
  Summary(const PictureData& data, Survey& survey) : data_(data), survey_(survey) {
    survey.counts.resize(data.classes().size());
  }
  void add(std::size_t image, const ImageFacts& facts);
  void finish();

 private:
  void find_sizes();

  const PictureData& data_;
  Survey& survey_;
  std::map<std::pair<Index, Index>, Index> sizes_;  // how many images have a height and width
  std::vector<double> mean_, mean_square_;          // sums
  Index trained_ = 0;
  bool is_grey_ = true;
};

void Summary::add(std::size_t image, const ImageFacts& facts) {
  if (facts.other) std::rethrow_exception(facts.other);
  const auto part = static_cast<std::size_t>(data_.part(image));
  ++survey_.counts[data_.label(image)][part];
  ++survey_.total[part];
  if (!facts.problem.empty()) {
    ++survey_.unreadable[part];
    survey_.bad.push_back({data_.title(image), facts.problem, data_.label(image)});
    return;
  }
  ++sizes_[{facts.shape.height, facts.shape.width}];
  if (facts.mean.empty()) return;
  ++trained_;
  is_grey_ = is_grey_ && facts.is_grey;
  mean_.resize(facts.mean.size());
  mean_square_.resize(facts.mean.size());
  for (std::size_t i = 0; i < mean_.size(); ++i) {
    mean_[i] += facts.mean[i];
    mean_square_[i] += facts.mean_square[i];
  }
}

// The value in the middle of `counts`, which are sorted by value.
Index median_of(const std::map<Index, Index>& counts) {
  Index all = 0, before = 0;
  for (const auto& [value, count] : counts) all += count;
  for (const auto& [value, count] : counts) {
    before += count;
    if (2 * before >= all) return value;
  }
  return 0;
}

void Summary::find_sizes() {
  std::map<Index, Index> heights, widths;
  const auto order = [](const Extent& e) { return std::tuple(e.area(), e.height); };
  bool is_first = true;
  for (const auto& [size, count] : sizes_) {
    const Extent extent{size.first, size.second};
    heights[extent.height] += count;
    widths[extent.width] += count;
    if (is_first || order(extent) < order(survey_.smallest)) survey_.smallest = extent;
    if (is_first || order(survey_.largest) < order(extent)) survey_.largest = extent;
    if (count > survey_.with_most_frequent ||
        (count == survey_.with_most_frequent && order(extent) < order(survey_.most_frequent))) {
      survey_.most_frequent = extent;
      survey_.with_most_frequent = count;
    }
    is_first = false;
  }
  survey_.median = {median_of(heights), median_of(widths)};
  survey_.has_one_size = sizes_.size() == 1;
}

void Summary::finish() {
  if (trained_ == 0)
    throw UserError(Fault::bad_data, fmt::format("cannot use {}", printable(data_.name())),
                    survey_.bad.empty() ? "it has no training images"
                                        : fmt::format("no training picture can be read; {}",
                                                      survey_.bad.front().message),
                    "give a data set with training images");
  find_sizes();
  survey_.channels = data_.are_pictures() && is_grey_ ? 1 : static_cast<Index>(mean_.size());
  for (Index i = 0; i < survey_.channels; ++i) {
    const double n = static_cast<double>(trained_);
    const double mean = mean_[static_cast<std::size_t>(i)] / n;
    const double variance = mean_square_[static_cast<std::size_t>(i)] / n - mean * mean;
    survey_.mean.push_back(mean);
    survey_.stddev.push_back(std::sqrt(std::max(variance, 0.0)));
  }
}

}  // namespace

Survey survey(const PictureData& data, int threads,
              const std::function<void(std::size_t)>& progress) {
  Survey result;
  Summary summary(data, result);
  const int workers = std::clamp(threads > 0 ? threads : usable_cores(), 1, most_workers());
  std::vector<ImageFacts> facts;
  for (std::size_t begin = 0; begin < data.size(); begin += kRun) {
    const std::size_t count = std::min(kRun, data.size() - begin);
    facts.assign(count, {});
    std::atomic<std::size_t> next = 0;
    run_workers(workers, [&](int) {
      for (std::size_t i = next++; i < count; i = next++) facts[i] = facts_of(data, begin + i);
    });
    for (std::size_t i = 0; i < count; ++i) summary.add(begin + i, facts[i]);
    if (progress) progress(begin + count);
  }
  summary.finish();
  // Only arrays have floats, and all of their images can be read.
  result.are_floats = !data.are_pictures() && data.image(0).are_floats();
  return result;
}

}  // namespace convoy::app
