// SPDX-License-Identifier: Apache-2.0
// The counts, and that times are measured; no test checks a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "measure/bench.hpp"
#include "measure/rates.hpp"
#include "runtime/cpu/workers.hpp"
#include "tests/plan/random_net.hpp"

namespace convoy::test {
namespace {

using namespace measure;

TEST(Measure, RatesAreNumbers) {
  for (const int threads : {1, std::min(2, most_workers())}) {
    const double peak = fma_peak(threads, 0);
    EXPECT_TRUE(std::isfinite(peak) && peak > 0);
    for (const Index bytes : {Index{1}, Index{4096}, Index{1} << 20}) {
      Triad triad(threads, bytes);
      EXPECT_TRUE(bytes < 4096 || (triad.bytes() <= bytes && triad.bytes() > bytes / 2));
      const double rate = triad.rate(0);
      EXPECT_TRUE(std::isfinite(rate) && rate > 0);
    }
  }
  const CacheSizes caches = cache_sizes();
  EXPECT_LE(caches.first, caches.second);
  EXPECT_LE(caches.second, caches.last);
}

TEST(Measure, FusedLayersHaveOneName) {
  StageFacts facts;
  EXPECT_EQ(facts.name(), "input");
  facts.layers = {"conv1"};
  EXPECT_EQ(facts.name(), "conv1");
  facts.layers = {"conv1", "conv1.relu", "pool1"};
  EXPECT_EQ(facts.name(), "conv1+relu+pool1");
  facts.layers = {"conv1", "conv10.relu", "pool1", "pool1.tanh"};
  EXPECT_EQ(facts.name(), "conv1+conv10.relu+pool1+tanh");
}

TEST(Measure, Spread) {
  EXPECT_EQ(spread_of({}).median, 0);
  const Spread spread = spread_of({5, 1, 4, 2, 3});
  EXPECT_EQ(spread.lowest, 1);
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.highest, 5);
}

// For every division of a batch and on every kind of net, the stages do the work that the net
// counts.
TEST(Measure, StagesDoTheWorkOfTheNet) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const Net net = RandomNet(random, 6).net();
    const Backend& backend = find_backend("auto");
    const Plan plan(net, seed % 2 == 0 && backend.block_forward ? Fusion::layers : Fusion::none);
    const Dataset data = images_for(net);
    const Buffer<float> parameters = initial_parameters(net, 1);
    for (const auto& [batch, share] :
         {std::pair<Index, GroupShare>{1, {4, 1, 1}}, {10, {4, 1, 3}}, {10, {3, 3, 4}}}) {
      StageTimes times(plan, backend, data, parameters.span(), batch, share);
      times.run(0);
      Index flops = 0;
      for (std::size_t i = 0; i < times.stages().size(); ++i) {
        flops += times.stages()[i].flops;
        EXPECT_GT(times.stages()[i].bytes, 0);
        EXPECT_GE(times.seconds_of(i).size(), 2u);
      }
      EXPECT_EQ(flops, batch * net.flops_per_sample()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace convoy::test
