// SPDX-License-Identifier: Apache-2.0
#include "images/scale_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace convoy::app {
namespace {

constexpr double kWhite = 255;

// Bytes of the usual models are from 0 to 1, or a few standard deviations from their mean.
bool are_bytes_large(const Normalization& normalization) {
  constexpr double kLarge = 32;
  const std::size_t channels =
      std::max({std::size_t{1}, normalization.mean.size(), normalization.stddev.size()});
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = c < normalization.mean.size() ? normalization.mean[c] : 0;
    const double stddev = c < normalization.stddev.size() ? normalization.stddev[c] : 1;
    if (std::abs((kWhite * normalization.scale - mean) / stddev) > kLarge) return true;
  }
  return false;
}

}  // namespace

ScaleCheck::ScaleCheck(const Normalization& normalization)
    : scale_(normalization.scale), leaves_bytes_large_(are_bytes_large(normalization)) {}

bool ScaleCheck::is_new(const Image& image) {
  if (!image.index) return !std::exchange(has_warned_of_pictures_, true);
  return std::exchange(warned_of_, image.file) != image.file;
}

std::optional<std::string> ScaleCheck::doubt(const Image& image) {
  constexpr double kOfBytes = 1.0 / 128;  // or less: what makes bytes small
  if (!image.pixels.floats.empty()) {
    if (!image.is_dim || scale_ > kOfBytes || !is_new(image)) return std::nullopt;
    return fmt::format(
        "{}: no number is above 1, so its images were probably divided by 255, and the model "
        "multiplies by {:.4g} again: give bytes, or the numbers before the division",
        image.file, scale_);
  }
  if (!leaves_bytes_large_ || !is_new(image)) return std::nullopt;
  return fmt::format(
      "{}: its pixels are bytes, which the model multiplies by {:.4g}: if it was trained on floats "
      "from 0 to 1, give such floats (.npy)",
      image.file, scale_);
}

}  // namespace convoy::app
