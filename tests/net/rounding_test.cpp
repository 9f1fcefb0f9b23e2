// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cfenv>

#include "net/model_file.hpp"

namespace convoy {
namespace {

TEST(ModelFile, ReadsTheSameNumbersInEveryRoundingMode) {
  const ModelFile nearest = load_model_file("lenet5");
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    const ModelFile other = load_model_file("lenet5");
    const Sgd optimizer = optimizer_of(other.train);
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(other.text, nearest.text);
    EXPECT_EQ(other.net.normalization(), nearest.net.normalization());
    EXPECT_EQ(other.train, nearest.train);
    EXPECT_EQ(optimizer.momentum, optimizer_of(nearest.train).momentum);
    EXPECT_EQ(optimizer.weight_decay, optimizer_of(nearest.train).weight_decay);
  }
}

}  // namespace
}  // namespace convoy
