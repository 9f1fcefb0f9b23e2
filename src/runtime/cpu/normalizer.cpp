// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/normalizer.hpp"

namespace convoy {
namespace {

// Shuffled images are scattered in memory: prefetching all of them first hides more than half of
// the latency.
void prefetch(std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += kAlignment) __builtin_prefetch(bytes.data() + i);
}

}  // namespace

Normalizer::Normalizer(const Normalization& normalization, Index channels, const Backend& backend)
    : normalize_(make_normalize(normalization, channels)), backend_(backend) {}

void Normalizer::fill(const Dataset& data, std::span<const std::uint32_t> samples, float* x,
                      Label* labels) const {
  const Index size = data.image_shape().size();
  if (labels)
    for (std::size_t i = 0; i < samples.size(); ++i) labels[i] = data.label(samples[i]);
  if (data.pixel_type() == PixelType::f32) {
    for (std::size_t i = 0; i < samples.size(); ++i)
      normalize(normalize_, size, data.image_f32(samples[i]).data(),
                x + static_cast<Index>(i) * size);
    return;
  }
  for (const std::uint32_t sample : samples) prefetch(data.image(sample));
  for (std::size_t i = 0; i < samples.size(); ++i)
    backend_.normalize(normalize_, size, data.image(samples[i]).data(),
                       x + static_cast<Index>(i) * size);
}

}  // namespace convoy
