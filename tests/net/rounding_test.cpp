// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cfenv>

#include "net/model_file.hpp"

namespace convoy {
namespace {

TEST(ModelFile, ReadsTheSameNumbersInEveryRoundingMode) {
  // Products of factors that are not exact.
  const std::vector<Override> overrides{
      "layer.conv1.bias_learning_rate_factor=0.1",
      "optimizer.group=[{ match = \"*.bias\", learning_rate_factor = 0.3 }]"};
  const ModelFile nearest = load_model_file("lenet5", overrides);
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    const ModelFile other = load_model_file("lenet5", overrides);
    const NetOptimizer optimizer = optimizer_of(other.net, other.train);
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(other.text, nearest.text);
    EXPECT_EQ(other.net.normalization(), nearest.net.normalization());
    EXPECT_EQ(other.train, nearest.train);
    EXPECT_EQ(optimizer, optimizer_of(nearest.net, nearest.train));
  }
}

}  // namespace
}  // namespace convoy
