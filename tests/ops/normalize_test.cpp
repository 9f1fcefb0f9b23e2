// SPDX-License-Identifier: Apache-2.0
// Every byte of every channel becomes the number of normalize.hpp's double arithmetic, to the bit,
// on every backend, with the float formula and with the table.
#include "ops/normalize.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "ops/backend.hpp"
#include "tests/data/files.hpp"
#include "tests/ops/guarded.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

using convoy::testing::error_of;

float wanted(const Normalization& n, std::size_t channel, std::uint8_t byte) {
  double value = byte * n.scale;
  value -= n.mean.empty() ? 0.0 : n.mean[channel];
  value /= n.stddev.empty() ? 1.0 : n.stddev[channel];
  return static_cast<float>(value);
}

// All bytes of each channel, then some more, so that sizes are odd.
void check(const Normalization& n, Index channels, Random& random) {
  const Normalize op = make_normalize(n, channels);
  std::vector<std::uint8_t> bytes;
  const Index size = (256 + random.pick(0, 20)) * channels;
  for (Index i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(i / channels));
  for (const Backend* backend : backends()) {
    SCOPED_TRACE(backend->name);
    Guarded<float> x(size, random.pick(0, 3));
    backend->normalize(op, size, bytes.data(), x.data());
    ASSERT_TRUE(x.guards_hold());
    for (Index i = 0; i < size; ++i) {
      const std::uint8_t byte = bytes[static_cast<std::size_t>(i)];
      const float value = wanted(n, static_cast<std::size_t>(i % channels), byte);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(x[i]), std::bit_cast<std::uint32_t>(value))
          << x[i] << " instead of " << value << ": byte " << int{byte} << " of channel "
          << i % channels << ", scale " << n.scale;
    }
  }
}

TEST(Normalize, GivesTheBitsOfDoubleArithmetic) {
  Random random(1);
  int formulas = 0, all = 0;
  for (int round = 0; round < rounds(400); ++round) {
    const Index channels = random.channels(40);
    Normalization n{random.uniform(0.001, 2.0), {}, {}};
    const bool with_mean = random.chance(60), with_stddev = random.chance(60);
    for (Index c = 0; c < channels; ++c) {
      if (with_mean) n.mean.push_back(random.uniform(0, 255) * n.scale);
      if (with_stddev) n.stddev.push_back(random.uniform(0.01, 2.0));
    }
    check(n, channels, random);
    if (HasFatalFailure()) return;
    ++all;
    formulas += !make_normalize(n, channels).centre.empty();
  }
  EXPECT_GT(formulas, all / 2);
}

TEST(Normalize, GivesThemForHostileNumbers) {
  Random random(2);
  const double least = std::numeric_limits<float>::denorm_min();
  const double scales[] = {0,          -0.0,  1,     -1,   0x1p-8, 1.0 / 255,
                           -1.0 / 255, 1e-30, least, 1e35, 3e-320};
  const double means[] = {0, -0.0, 0.2, 0.4, 0.5, 51, 127.5, -3, 1e6, 1e-9, 1e30, least, 1.0 / 3};
  for (const double scale : scales) {
    for (const double mean : means) {
      for (const double stddev : {0.0, 1.0, 0.1, 0.5, 3.0, 1e-3, 1e30}) {
        // The mean lies outside of the bytes or near one of them; most of these need the table.
        for (const double more : {0.0, 1e-17, 1e-9}) {
          Normalization n{scale, {mean + more}, {}};
          if (stddev > 0) n.stddev = {stddev};
          if (std::isinf(wanted(n, 0, 0)) || std::isinf(wanted(n, 0, 255))) continue;
          check(n, 1, random);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// Usual settings must have a formula; no digest would show that the slow table is used.
TEST(Normalize, HasAFormulaForWhatIsUsual) {
  const double scale = 0.00392156862745098;
  const Normalization usual[] = {
      {},
      {1, {}, {}},
      {scale, {}, {}},
      {scale, {0.5}, {0.5}},
      {scale, {0.2}, {}},
      {scale, {0.1307}, {0.3081}},
      {scale, {0.2860}, {0.3530}},
      {1, {33.3184}, {78.5675}},
      {scale, {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}},
      {scale, {0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.2010}},
      {scale, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}},
      {1, {125.3, 123.0, 113.9}, {63.0, 62.1, 66.7}},
  };
  for (const Normalization& n : usual) {
    const Index channels = n.mean.size() == 3 ? 3 : 1;
    EXPECT_FALSE(make_normalize(n, channels).centre.empty()) << n.scale;
  }
}

TEST(Normalize, RefusesWhatIsNoNormalisation) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<Normalization> wrong = {
      {1, {1, 2}, {}},       {1, {}, {1, 2}},         {1, {}, {1, 1, 0}},
      {1, {}, {1, -1, 1}},   {1, {}, {1, 1, kNaN}},   {1, {}, {1, kInfinity, 1}},
      {kNaN, {}, {}},        {kInfinity, {}, {}},     {1e300, {}, {}},
      {1, {0, kNaN, 0}, {}}, {1, {}, {1, 1, 1e-300}},
  };
  for (const Normalization& n : wrong)
    EXPECT_EQ(error_of([&] { make_normalize(n, 3); }).first, Fault::bad_data);
}

}  // namespace
}  // namespace convoy::test
