// SPDX-License-Identifier: Apache-2.0
#include "convoy/data/normalizer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/data/files.hpp"

namespace convoy {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::random_bytes;

TEST(Normalizer, RoundsOnceForEveryByteAndChannel) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> number(0.01, 2.0);
  for (const Index channels : {1, 2, 3, 5}) {
    for (int form = 0; form < 4; ++form) {
      Normalization n{number(random), {}, {}};
      for (Index c = 0; c < channels; ++c) {
        if (form & 1) n.mean.push_back(number(random) - 1);
        if (form & 2) n.stddev.push_back(number(random));
      }
      const Normalizer normalizer(n, channels);
      Bytes bytes;
      for (int b = 0; b < 256; ++b)
        bytes.insert(bytes.end(), static_cast<std::size_t>(channels), static_cast<std::uint8_t>(b));
      std::vector<float> x(bytes.size());
      normalizer.apply(bytes, x.data());
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t c = i % static_cast<std::size_t>(channels);
        double wanted = bytes[i] * n.scale;
        if (form & 1) wanted -= n.mean[c];
        if (form & 2) wanted /= n.stddev[c];
        ASSERT_EQ(x[i], static_cast<float>(wanted)) << "byte " << int{bytes[i]} << " channel " << c;
      }
    }
  }
}

TEST(Normalizer, FillsTheSamplesNamedInTheirOrder) {
  const Shape image{2, 3, 2};
  const Dataset data(image, random_bytes(5 * 12, 2), random_bytes(5, 3, 10), 10);
  const Normalizer normalizer({0.5, {1, 2}, {2, 4}}, 2);
  const std::vector<std::uint32_t> samples = {4, 0, 4, 2};
  std::vector<float> x(4 * 12), one(12);
  std::vector<Label> labels(4);
  normalizer.fill(data, samples, x.data(), labels.data());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    normalizer.apply(data.image(samples[i]), one.data());
    EXPECT_TRUE(std::equal(one.begin(), one.end(), x.begin() + static_cast<Index>(i) * 12));
    EXPECT_EQ(labels[i], data.label(samples[i]));
  }
  normalizer.fill(data, samples, x.data(), nullptr);
}

TEST(Normalizer, RefusesWhatIsNoNormalisation) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<Normalization> wrong = {
      {1, {1, 2}, {}},       {1, {}, {1, 2}},         {1, {}, {1, 1, 0}},
      {1, {}, {1, -1, 1}},   {1, {}, {1, 1, kNaN}},   {1, {}, {1, kInfinity, 1}},
      {kNaN, {}, {}},        {kInfinity, {}, {}},     {1e300, {}, {}},
      {1, {0, kNaN, 0}, {}}, {1, {}, {1, 1, 1e-300}},
  };
  for (const Normalization& n : wrong)
    EXPECT_EQ(error_of([&] { Normalizer(n, 3); }).first, Fault::bad_data);
}

}  // namespace
}  // namespace convoy
