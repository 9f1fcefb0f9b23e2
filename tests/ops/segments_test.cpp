// SPDX-License-Identifier: Apache-2.0
// The index arithmetic below the kernels: segments, rectangles, borders, phases, windows. Each
// against counting by hand.
#include "ops/segments.hpp"

#include <gtest/gtest.h>

#include <set>

#include "ops/padding.hpp"
#include "ops/phase.hpp"
#include "ops/pool2d.hpp"
#include "ops/rectangle.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

TEST(Segments, TakeEveryTermOnceInOrderAndAreNeitherLongNorNeedlesslyShort) {
  Random random(1);
  for (int round = 0; round < rounds(600); ++round) {
    const Index row_count = random.pick(1, random.chance(20) ? 300 : 12);
    const Index row_length = random.pick(1, random.chance(30) ? 600 : 40);
    SCOPED_TRACE(fmt::format("{} rows of {}", row_count, row_length));
    Index next = 0;      // the next term
    Index previous = 0;  // terms of the segment before
    const Segments segments(row_count, row_length);
    for (const Segment segment : segments) {
      const auto& [rows, terms] = segment;
      ASSERT_FALSE(rows.empty() || terms.empty());
      const Index size = rows.size() * terms.size();
      ASSERT_LE(size, kSegmentTerms);
      ASSERT_TRUE(rows.size() == 1 || terms == (Range{0, row_length}));
      // The last row of the segment before would not have fitted here, nor this one there.
      if (next > 0) {
        ASSERT_TRUE(previous == kSegmentTerms || previous + row_length > kSegmentTerms);
      }
      for (Index row = rows.begin; row < rows.end; ++row) {
        for (Index term = terms.begin; term < terms.end; ++term) {
          ASSERT_EQ(row * row_length + term, next++);
        }
      }
      previous = size;
      ASSERT_EQ(segments.is_last(segment), next == row_count * row_length);
    }
    ASSERT_EQ(next, row_count * row_length);
  }
}

TEST(Segments, AreAsTheContractSaysForKnownShapes) {
  const auto lengths = [](Index row_count, Index row_length) {
    std::vector<Index> result;
    for (const auto& [rows, terms] : Segments(row_count, row_length)) {
      result.push_back(rows.size() * terms.size());
    }
    return result;
  };
  EXPECT_EQ(lengths(3, 3), (std::vector<Index>{9}));
  EXPECT_EQ(lengths(28, 28), (std::vector<Index>(7, 112)));
  EXPECT_EQ(lengths(26, 26), (std::vector<Index>{104, 104, 104, 104, 104, 104, 52}));
  EXPECT_EQ(lengths(3, 96), (std::vector<Index>{96, 96, 96}));
  EXPECT_EQ(lengths(2, 300), (std::vector<Index>{128, 128, 44, 128, 128, 44}));
  EXPECT_EQ(lengths(1, 128), (std::vector<Index>{128}));
  EXPECT_EQ(lengths(129, 1), (std::vector<Index>{128, 1}));
}

TEST(Rectangles, CoverTheirUnitsInOrder) {
  Random random(2);
  for (int round = 0; round < rounds(2000); ++round) {
    const Index width = random.pick(1, 12), begin = random.pick(0, 60);
    const Range units{begin, begin + random.pick(0, 60)};
    const Rectangles cover = rectangles(units, width);
    ASSERT_LE(cover.count, 3);
    Index next = units.begin;
    for (int i = 0; i < cover.count; ++i) {
      const Rectangle& part = cover.parts[i];
      ASSERT_TRUE(part.rows.size() == 1 || part.columns == (Range{0, width}));
      for (Index row = part.rows.begin; row < part.rows.end; ++row) {
        for (Index column = part.columns.begin; column < part.columns.end; ++column) {
          ASSERT_LT(column, width);
          ASSERT_EQ(row * width + column, next++);
        }
      }
    }
    ASSERT_EQ(next, units.end);
  }
}

TEST(Phases, NameTheTapsThatMeetAPositionDescending) {
  Random random(3);
  for (int round = 0; round < rounds(2000); ++round) {
    const Index kernel = random.pick(1, 9), stride = random.pick(1, 6);
    const Index padding = random.pick(0, kernel - 1), position = random.pick(0, 30);
    std::vector<Index> expected;
    for (Index tap = kernel - 1; tap >= 0; --tap) {
      if ((position + padding - tap) % stride == 0) expected.push_back(tap);
    }
    const Phase phase = phase_of(position, padding, kernel, stride);
    std::vector<Index> actual;
    for (Index j = 0; j < phase.taps; ++j) actual.push_back(phase.tap(j, stride));
    ASSERT_EQ(actual, expected) << position << " " << padding << " " << kernel << " " << stride;
  }
}

TEST(Windows, AreThoseThatHoldThePosition) {
  Random random(4);
  for (int round = 0; round < rounds(2000); ++round) {
    const Index kernel = random.pick(1, 9), stride = random.pick(1, 12);
    const Index windows = random.pick(1, 8), position = random.pick(0, 60);
    std::vector<Index> expected, actual;
    for (Index w = 0; w < windows; ++w) {
      if (w * stride <= position && position < w * stride + kernel) expected.push_back(w);
    }
    const Range found = windows_at(position, kernel, stride, windows);
    for (Index w = found.begin; w < found.end; ++w) actual.push_back(w);
    ASSERT_EQ(actual, expected);
  }
}

TEST(Borders, HoldZerosAroundTheRowsAskedFor) {
  Random random(5);
  for (int round = 0; round < rounds(400); ++round) {
    const Shape shape{random.pick(1, 6), random.pick(1, 6), random.pick(1, 3)};
    const Border border{random.pick(0, 3), random.pick(0, 3), random.pick(0, 3), random.pick(0, 3)};
    const Shape outer = border.around(shape);
    std::vector<float> x(static_cast<std::size_t>(shape.size()), 1.0F);
    for (float& value : x) value = random_float(random, Values::tame) + 2;
    std::vector<float> scratch(static_cast<std::size_t>(outer.size()), -1.0F);
    const Index begin = random.pick(0, outer.height);
    const Range rows{begin, random.pick(begin, outer.height)};
    const float* padded = with_border(x.data(), shape, border, rows, scratch.data());
    if (border.empty()) {
      ASSERT_EQ(padded, x.data());
      continue;
    }
    for (Index i = 0; i < outer.size(); ++i) {
      const Index row = i / (outer.width * outer.channels), c = i % outer.channels;
      const Index y = row - border.top, column = i / outer.channels % outer.width - border.left;
      float expected = -1;  // of a row outside of the requested ones
      if (rows.begin <= row && row < rows.end) {
        const bool inside = 0 <= y && y < shape.height && 0 <= column && column < shape.width;
        expected =
            inside ? x[static_cast<std::size_t>((y * shape.width + column) * shape.channels + c)]
                   : 0.0F;
      }
      ASSERT_EQ(padded[i], expected);
    }
  }
}

// The outputs along one axis that the input gradient reads, found by trying every position and tap.
TEST(Borders, OfTheInputGradientReachAsFarAsItsTaps) {
  Random random(6);
  for (int round = 0; round < rounds(1000); ++round) {
    const Conv2d op = random_conv2d(random, {.side = 14, .channels = 2});
    const Border border = gradient_border(op);
    const Shape out = output_shape(op);
    Index lowest = 0, highest = out.height - 1;
    for (Index iy = 0; iy < op.in.height; ++iy) {
      for (Index ky = 0; ky < op.kernel.height; ++ky) {
        const Index at = iy + op.padding.height - ky;
        if (at % op.stride.height != 0) continue;
        lowest = std::min(lowest, at / op.stride.height);
        highest = std::max(highest, at / op.stride.height);
      }
    }
    ASSERT_LE(-border.top, lowest) << describe(op);
    ASSERT_LE(highest, out.height - 1 + border.bottom) << describe(op);
    ASSERT_LE(border.top, op.kernel.height) << describe(op);
  }
}

}  // namespace
}  // namespace convoy::test
