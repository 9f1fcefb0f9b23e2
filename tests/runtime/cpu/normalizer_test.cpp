// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/normalizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/data/files.hpp"

namespace convoy {
namespace {

using testing::random_bytes;

TEST(Normalizer, FillsTheSamplesNamedInTheirOrder) {
  const Shape image{2, 3, 2};
  const Dataset data(image, random_bytes(5 * 12, 2), testing::random_labels(5, 3, 1000), 1000);
  for (const Backend* backend : backends()) {
    const Normalizer normalizer({0.5, {1, 2}, {2, 4}}, 2, *backend);
    const std::vector<std::uint32_t> samples = {4, 0, 4, 2};
    std::vector<float> x(4 * 12);
    std::vector<Label> labels(4);
    normalizer.fill(data, samples, x.data(), labels.data());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      for (std::size_t j = 0; j < 12; ++j) {
        const double scaled = 0.5 * data.image(samples[i])[j];
        EXPECT_EQ(x[i * 12 + j], j % 2 == 0 ? (scaled - 1) / 2 : (scaled - 2) / 4);
      }
      EXPECT_EQ(labels[i], data.label(samples[i]));
    }
    normalizer.fill(data, samples, x.data(), nullptr);
  }
}

// The formula in double, whatever the instruction set; bytes and floats of one value give one
// number.
TEST(Normalizer, FloatsFollowTheFormulaOfBytes) {
  const Shape image{5, 7, 3};
  const auto each = static_cast<std::size_t>(image.size());
  const testing::Bytes bytes = random_bytes(2 * each, 4);
  std::vector<float> floats(bytes.begin(), bytes.end());
  const std::vector<float> odd = {-0.0F, 1e-40F, 3e38F, -17.25F, 0.1F, 256, 1e6F};
  std::ranges::copy(odd, floats.begin() + static_cast<std::ptrdiff_t>(each));
  const Normalization normalization{1.0 / 255, {0.3, 0.5, 0.2}, {0.3, 0.2, 0.7}};
  const Dataset of_bytes(image, bytes, {0, 1}, 2);
  const Dataset of_floats({PixelType::f32, image, 2, floats.data()}, {1, 0}, {1, 0}, 2);
  for (const Backend* backend : backends()) {
    const Normalizer normalizer(normalization, 3, *backend);
    std::vector<float> x(2 * each), wanted(each);
    std::vector<Label> labels(2);
    normalizer.fill(of_floats, std::vector<std::uint32_t>{0, 1}, x.data(), labels.data());
    EXPECT_EQ(labels, (std::vector<Label>{1, 0}));
    for (std::size_t i = 0; i < each; ++i) {
      const std::size_t c = i % 3;
      const double scaled = double{floats[each + i]} * normalization.scale;
      EXPECT_EQ(x[i],
                static_cast<float>((scaled - normalization.mean[c]) / normalization.stddev[c]));
    }
    normalizer.fill(of_bytes, std::vector<std::uint32_t>{0}, wanted.data(), nullptr);
    EXPECT_TRUE(std::ranges::equal(std::span(x).subspan(each), wanted)) << backend->name;
  }
}

}  // namespace
}  // namespace convoy
