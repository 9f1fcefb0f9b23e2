// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convoy {
namespace {

const std::vector<std::string_view> kWords = {"fashion-mnist", "cifar10", "synthetic"};

TEST(Nearest, FindsAWordAfterAnyOneSlip) {
  for (const std::string_view known : kWords) {
    const std::string word(known);
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::string wrong = word;
      wrong[i] = '_';
      EXPECT_EQ(nearest(wrong, kWords), word) << wrong;
      EXPECT_EQ(nearest(word.substr(0, i) + word.substr(i + 1), kWords), word);
      EXPECT_EQ(nearest(word.substr(0, i) + "_" + word.substr(i), kWords), word);
      wrong = word;
      if (i > 0) std::swap(wrong[i - 1], wrong[i]);
      EXPECT_EQ(nearest(wrong, kWords), word) << wrong;
    }
  }
}

TEST(Nearest, IgnoresCaseAndSuggestsNothingForUnrelatedWords) {
  EXPECT_EQ(nearest("CIFAR10", kWords), "cifar10");
  EXPECT_EQ(nearest("imagenet", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(100000, 'm'), kWords), "");
  EXPECT_EQ(nearest("cifar10", {}), "");
}

}  // namespace
}  // namespace convoy
