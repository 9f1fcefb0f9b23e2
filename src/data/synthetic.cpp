// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/check.hpp"
#include "base/random.hpp"

namespace convoy {
namespace {

constexpr Index kCell = 4;   // pixels along a cell's side
constexpr Index kShift = 2;  // the most pixels by which an image is shifted
constexpr int kNoise = 96;   // width of the noise's range
constexpr int kDark = 64, kBright = 192;

// The layer numbers in the random stream.
constexpr std::uint16_t kPattern = 0, kTrain = 1, kTest = 2;

RandomStream stream(std::uint16_t layer) {
  return {0, Purpose::synthetic_data, layer, 0};
}

int level(Index cls, Index row, Index column, Index channel, Index channels) {
  constexpr Index kCells =
      1 << 12;  // along each axis, so that a cell's number does not depend on the shape
  const Index cell = ((row / kCell) * kCells + column / kCell) * channels + channel;
  const std::uint32_t bits = random_bits(stream(kPattern), static_cast<std::uint32_t>(cls),
                                         static_cast<std::uint64_t>(cell));
  return bits >> 31 ? kBright : kDark;
}

void draw(std::uint8_t* pixels, const Shape& image, Index cls, std::uint16_t layer, Index sample) {
  const auto id = static_cast<std::uint32_t>(sample);
  const std::uint32_t shift = random_bits(stream(layer), id, 0);
  const Index down = shift % (2 * kShift + 1), right = shift / 256 % (2 * kShift + 1);
  std::uint64_t element = 4;  // the first block is used for the shift
  for (Index row = 0; row < image.height; ++row)
    for (Index column = 0; column < image.width; ++column)
      for (Index channel = 0; channel < image.channels; ++channel) {
        const auto noise = static_cast<int>(random_bits(stream(layer), id, element++) % kNoise);
        const int value = level(cls, row + down, column + right, channel, image.channels);
        *pixels++ = static_cast<std::uint8_t>(value + noise - kNoise / 2);
      }
}

}  // namespace

Dataset synthetic(SyntheticPart part, Index samples, Shape image, Index classes) {
  CONVOY_ASSERT(samples >= 0 && image.size() >= 1 && classes >= 1 && classes <= kMostClasses);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(samples * image.size()));
  std::vector<Label> labels(static_cast<std::size_t>(samples));
  for (Index i = 0; i < samples; ++i) {
    labels[static_cast<std::size_t>(i)] = static_cast<Label>(i % classes);
    draw(pixels.data() + i * image.size(), image, i % classes,
         part == SyntheticPart::train ? kTrain : kTest, i);
  }
  Dataset data(image, std::move(pixels), std::move(labels), classes);
  std::vector<std::string> names;
  for (Index c = 0; c < classes; ++c) names.push_back(fmt::format("pattern {}", c));
  data.set_class_names(std::move(names));
  return data;
}

}  // namespace convoy
