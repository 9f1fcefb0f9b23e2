// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/normalizer.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace convoy
