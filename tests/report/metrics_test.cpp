// SPDX-License-Identifier: Apache-2.0
#include "report/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace convoy {
namespace {

TEST(Metrics, CommasChangeNoNumber) {
  std::mt19937_64 dice(1);
  for (int round = 0; round < 1000; ++round) {
    const Index n = static_cast<Index>(dice()) >> (dice() % 64);
    std::string text = with_commas(n);
    for (std::size_t at = text.size(); at > 4; at -= 4) {
      if (text[at - 4] != '-' && at - 4 != 0) {
        EXPECT_EQ(text[at - 4], ',') << text;
      }
    }
    std::erase(text, ',');
    EXPECT_EQ(text, std::to_string(n));
  }
}

TEST(Metrics, Durations) {
  EXPECT_EQ(as_duration(0.294), "0.29 s");
  EXPECT_EQ(as_duration(9.996), "10.0 s");  // not 10.00 s
  EXPECT_EQ(as_duration(59.96), "1:00");    // not 60.0 s
  EXPECT_EQ(as_duration(187), "3:07");
  EXPECT_EQ(as_duration(3599.7), "1:00:00");
  EXPECT_EQ(as_clock(12.4), "0:12");
  EXPECT_EQ(as_clock(3753), "1:02:33");
  for (const double odd :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(as_clock(odd), "-:--");
  }
}

TEST(Metrics, Bytes) {
  EXPECT_EQ(as_bytes(512), "512 B");
  EXPECT_EQ(as_bytes(1536), "1.5 KiB");
  EXPECT_EQ(as_bytes(1024.0 * 1024 * 1024), "1.0 GiB");
}

TEST(Metrics, EpochLineShowsValidationWhereThereIsOne) {
  EpochMetrics metrics;
  metrics.epoch = 2;
  EXPECT_EQ(as_line(metrics, 5).find("validation"), std::string::npos);
  metrics.validation_accuracy = 0.9;
  metrics.validation_loss = 0.25;
  EXPECT_NE(as_line(metrics, 5).find("validation 90.00 % (loss 0.2500)"), std::string::npos);
  EXPECT_TRUE(as_line(metrics, 5).starts_with("epoch 2/5"));
}

}  // namespace
}  // namespace convoy
