// SPDX-License-Identifier: Apache-2.0
#include "convoy/data/normalizer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "convoy/base/check.hpp"
#include "convoy/base/float_environment.hpp"

namespace convoy {
namespace {

constexpr std::size_t kBytes = 256;

[[noreturn]] void refuse(const std::string& problem, const std::string& why) {
  throw UserError(Fault::bad_data, problem, why,
                  "give `input` a finite scale, and no mean and stddev or one value a channel");
}

void check(const Normalization& normalization, Index channels) {
  const auto check_count = [&](const char* name, const std::vector<double>& values) {
    if (values.empty() || static_cast<Index>(values.size()) == channels) return;
    refuse(fmt::format("input.{} does not fit the images", name),
           fmt::format("it has {} values, the images have {} channels", values.size(), channels));
  };
  check_count("mean", normalization.mean);
  check_count("stddev", normalization.stddev);
  for (const double deviation : normalization.stddev)
    if (!(deviation > 0) || !std::isfinite(deviation))
      refuse("input.stddev cannot be used", fmt::format("{} is not a positive number", deviation));
}

float normalized(const Normalization& normalization, std::size_t channel, std::size_t byte) {
  const double mean = normalization.mean.empty() ? 0.0 : normalization.mean[channel];
  const double stddev = normalization.stddev.empty() ? 1.0 : normalization.stddev[channel];
  const double value = (static_cast<double>(byte) * normalization.scale - mean) / stddev;
  const auto rounded = static_cast<float>(value);
  if (!std::isfinite(rounded))
    refuse("the input cannot be normalised",
           fmt::format("byte {} of channel {} becomes {}", byte, channel, value));
  return rounded;
}

// Shuffled images lie anywhere: asking for all of them first hides more than half of the waiting.
void prefetch(std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += kAlignment) __builtin_prefetch(bytes.data() + i);
}

}  // namespace

Normalizer::Normalizer(const Normalization& normalization, Index channels) : channels_(channels) {
  const FloatEnvironment environment;  // the caller's may differ
  CONVOY_ASSERT(channels >= 1);
  check(normalization, channels);
  const bool alike = normalization.mean.empty() && normalization.stddev.empty();
  const std::size_t rows = alike ? 1 : static_cast<std::size_t>(channels);
  table_.reserve(rows * kBytes);
  for (std::size_t channel = 0; channel < rows; ++channel)
    for (std::size_t byte = 0; byte < kBytes; ++byte)
      table_.push_back(normalized(normalization, channel, byte));
}

void Normalizer::apply(std::span<const std::uint8_t> bytes, float* x) const {
  const float* table = table_.data();
  if (table_.size() == kBytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) x[i] = table[bytes[i]];
    return;
  }
  const auto channels = static_cast<std::size_t>(channels_);
  CONVOY_ASSERT(bytes.size() % channels == 0);
  for (std::size_t i = 0; i < bytes.size(); i += channels)
    for (std::size_t c = 0; c < channels; ++c) x[i + c] = table[c * kBytes + bytes[i + c]];
}

void Normalizer::fill(const Dataset& data, std::span<const std::uint32_t> samples, float* x,
                      Label* labels) const {
  CONVOY_ASSERT(data.image_shape().channels == channels_);
  const Index size = data.image_shape().size();
  for (const std::uint32_t sample : samples) prefetch(data.image(sample));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    apply(data.image(samples[i]), x + static_cast<Index>(i) * size);
    if (labels) labels[i] = data.label(samples[i]);
  }
}

}  // namespace convoy
