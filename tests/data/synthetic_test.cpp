// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace convoy {
namespace {

// The digest was recorded once: another value means that the data set of all earlier runs has
// changed.
TEST(Synthetic, IsTheSameEverywhere) {
  EXPECT_EQ(synthetic(SyntheticPart::train, 64).sha256(),
            "2034f542e150fa28adbc2f0a3e3c32575036abf3af0889f016b4a0ca29b0b68b");
}

TEST(Synthetic, ASampleDoesNotDependOnHowManyThereAre) {
  const Dataset few = synthetic(SyntheticPart::train, 30),
                more = synthetic(SyntheticPart::train, 50);
  EXPECT_EQ(more.first(30).sha256(), few.sha256());
}

TEST(Synthetic, PartsShareNoImage) {
  const Dataset train = synthetic(SyntheticPart::train, 200);
  const Dataset test = synthetic(SyntheticPart::test, 100);
  for (Index i = 0; i < test.size(); ++i)
    for (Index j = 0; j < train.size(); ++j)
      ASSERT_FALSE(std::ranges::equal(test.image(i), train.image(j))) << i << ' ' << j;
}

TEST(Synthetic, TakesAnyShapeAndClassCount) {
  for (const Shape shape : {Shape{1, 1, 1}, Shape{5, 9, 3}, Shape{32, 32, 3}}) {
    const Dataset data = synthetic(SyntheticPart::train, 7, shape, 3);
    EXPECT_EQ(data.image_shape(), shape);
    EXPECT_EQ(data.classes(), 3);
    EXPECT_EQ(data.class_names().size(), 3U);
    for (Index i = 0; i < 7; ++i) EXPECT_EQ(data.label(i), i % 3);
  }
  EXPECT_TRUE(synthetic(SyntheticPart::test, 0).empty());
}

// The nearest training image has the same class more often than chance, so a net can learn the
// classes.
TEST(Synthetic, CanBeLearned) {
  const Dataset train = synthetic(SyntheticPart::train, 500);
  const Dataset test = synthetic(SyntheticPart::test, 50);
  int right = 0;
  for (Index i = 0; i < test.size(); ++i) {
    long nearest = std::numeric_limits<long>::max();
    Label guess = 0;
    for (Index j = 0; j < train.size(); ++j) {
      long distance = 0;
      for (std::size_t p = 0; p < 784; ++p)
        distance += std::abs(int{test.image(i)[p]} - int{train.image(j)[p]});
      if (distance < nearest) guess = train.label(j);
      nearest = std::min(nearest, distance);
    }
    right += guess == test.label(i) ? 1 : 0;
  }
  EXPECT_GE(right, 45);
}

}  // namespace
}  // namespace convoy
